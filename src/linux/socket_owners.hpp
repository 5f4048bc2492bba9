// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "linux/bpf/owner.h"
#include "tollgate/base/result.hpp"
#include "tollgate/flow/five_tuple.hpp"
#include "tollgate/process/socket_census.hpp"

namespace tollgate {

// One of the eBPF programs, and why it does not run.
struct BpfProgram {
  std::string name;     // "tollgate_connect4"
  std::string problem;  // "" when it runs
};

struct SocketOwnersCounters {
  std::uint64_t images_lost = 0;  // the ring was full: /proc is asked instead
  std::uint64_t owners_lost = 0;  // a map refused
  // That their maps have forgotten to make room, at least: the kernel does not count that, so it is what was
  // added beyond what they hold. A map may begin up to 128 entries a processor before it is full.
  std::uint64_t sockets_forgotten = 0, tuples_forgotten = 0, programs_forgotten = 0;
};

// Who uses which socket, as eBPF programs saw it in the very call (bpf/owner.bpf.c). They watch all
// network namespaces of the machine; what is asked here is of one.
class SocketOwners {
 public:
  // Loads the programs and attaches them to the root of the cgroup v2 hierarchy: needs CAP_BPF,
  // CAP_PERFMON and CAP_NET_ADMIN, afterwards only the first, and that only before Linux 5.19. What the
  // kernel refuses is named in programs(); an error when it refuses them all. They go when we go.
  static Result<std::unique_ptr<SocketOwners>, std::string> open();
  virtual ~SocketOwners() = default;

  virtual const std::vector<BpfProgram>& programs() const = 0;

  // Cookie of the calling thread's network namespace (SO_NETNS_COOKIE); 0: not to be had.
  static std::uint64_t network();

  // Who opened the flow at its local end, `local` with that end first: the last who did. `closed` of UDP:
  // that socket is closed, or may be: another may have the tuple now.
  virtual std::optional<tollgate_owner> by_tuple(const FiveTuple& local, std::uint64_t network) const = 0;
  // Who used the socket last, also when it is closed (until 65,536 other sockets were used since).
  virtual std::optional<tollgate_owner> by_cookie(std::uint64_t cookie) const = 0;

  // The programs that were met since the last call, each before any owner that refers to it.
  virtual void receive(const std::function<void(const tollgate_image&)>& each) = 0;
  // Readable when there is much to receive.
  virtual int fd() const = 0;
  // That program will be told of again when it is met again.
  virtual void forget(const tollgate_process_key& process) = 0;

  // Who holds which socket now, by cookie; not whole where the kernel refuses. Goes past all descriptors of
  // the machine: for another thread, while everything else here goes on. receive() then tells the programs.
  virtual SocketCensus take_census() const = 0;
  virtual bool can_take_census() const = 0;

  virtual SocketOwnersCounters counters() const = 0;
};

}  // namespace tollgate
