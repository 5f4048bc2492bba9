// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "linux/process_events.hpp"
#include "linux/socket_diag.hpp"
#include "linux/socket_holders.hpp"
#include "linux/socket_owners.hpp"
#include "tollgate/base/counters.hpp"
#include "tollgate/engine/effect.hpp"
#include "tollgate/flow/five_tuple.hpp"
#include "tollgate/flow/verdict.hpp"
#include "tollgate/process/process.hpp"
#include "tollgate/process/process_table.hpp"
#include "tollgate/process/socket_census.hpp"

namespace tollgate {

struct AttributionOptions {
  bool ebpf = true;
  std::vector<std::string> interpreters;
};

// Whose a flow is, or why nobody knows.
struct Attributed {
  ProcessPointer process;                // nullptr: see `why`
  NoProcess why = NoProcess::not_asked;  // meaningful without a process
};

struct AttributionCounters {
  EnumCounters<ProcessSource> found;
  EnumCounters<NoProcess> not_found;
};

// What has to stay of the rights to look.
struct AttributionNeeds {
  bool bpf = false;   // CAP_BPF: this kernel lets nobody else read the maps (before Linux 5.19)
  bool proc = false;  // CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH: other users' descriptors have to be read
};

// DESIGN.md §6: by what eBPF programs saw, else by sock_diag and /proc. Never guesses: two who can tell
// have to agree, and a pid counts only together with its start time.
class Attribution {
 public:
  // What cannot be had is in problems(), and the rest works on. Programs are loaded, sockets opened:
  // before privileges are given up. In the network namespace of the calling thread.
  static std::unique_ptr<Attribution> open(const AttributionOptions& options);
  virtual ~Attribution() = default;

  // The eBPF programs, each with why it does not run; empty when none was to be had.
  virtual std::vector<BpfProgram> programs() const = 0;
  // In words, for the log and `status`: "eBPF: …".
  virtual const std::vector<std::string>& problems() const = 0;

  // Nearly always known at once; when it is not, `done` of a later turn() names the ticket.
  using Ticket = std::uint64_t;
  virtual std::optional<Attributed> look_up(const LookUp& flow, Ticket ticket) = 0;
  // What was seen stays known for a while after its socket and its process are gone: a look-up may come
  // after whatever lets the program go on. Otherwise it is better done before.
  virtual bool can_wait() const = 0;
  // Who was seen (by eBPF) to open the socket with this local end, without looking any further; nullptr
  // when nobody was. Counts nothing.
  virtual ProcessPointer seen(const FiveTuple& local) = 0;
  // A slice of what takes long, a millisecond or two, and what is left to do then.
  using Left = SocketHolders::Left;
  virtual Left turn(const std::function<void(Ticket, const Attributed&)>& done) = 0;

  // Readable when something is to be taken in by receive(); -1: never.
  virtual int events_fd() const = 0;  // programs that begin
  virtual int images_fd() const = 0;  // programs that were seen
  virtual void receive() = 0;

  // Who holds which sockets: goes past all processes, for another thread than ours, and beside anything else
  // that is asked of us.
  virtual SocketCensus take_census() const = 0;
  // Who held the socket of the flow's local end, by that census; that of a connection that arrives is the one
  // that listens until there is one of its own. nullopt: the flow has no socket here.
  virtual std::optional<std::vector<SocketHolder>> holders(const SocketCensus& census, const FiveTuple& tuple,
                                                           Direction direction) = 0;

  virtual AttributionNeeds needs() const = 0;
  virtual AttributionCounters counters() const = 0;
  virtual SocketOwnersCounters lost() const = 0;
  virtual std::size_t processes() const = 0;  // that are known
};

}  // namespace tollgate
