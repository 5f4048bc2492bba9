// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tollgate/process/process.hpp"

namespace tollgate {

// One that holds a socket: by fork, SCM_RIGHTS or a descriptor that exec left open, a socket may have many.
struct SocketHolder {
  ProcessId process;
  std::string name;  // of the process (comm); "" when not known
  std::string path;  // of its program; "" when not known
  friend bool operator==(const SocketHolder&, const SocketHolder&) = default;
};

// Who held which sockets of IPv4 and IPv6 at one moment: all processes, or it is not whole. Taken for those
// who ask, never for a packet. Does not see what nobody holds by a descriptor: a socket that is under way
// to another process, or that only an io_uring has.
class SocketCensus {
 public:
  // By what the sockets are told apart: what an eBPF program reads of them, or their links in /proc.
  enum class Key : std::uint8_t { cookie, inode };
  explicit SocketCensus(Key key) : key_{key} {}

  // Past kMostHoldings it is not whole.
  void add(std::uint64_t socket, const ProcessId& process);
  // What is known of one that holds some.
  void describe(const ProcessId& process, std::string name, std::string path);
  // Something could not be looked at.
  void not_whole() { whole_ = false; }
  bool whole() const { return whole_; }
  // Puts it in order; before the first question.
  void finish();

  Key key() const { return key_; }
  // Of that socket, the one that began first first; empty when nobody holds it.
  std::vector<SocketHolder> holders(std::uint64_t socket) const;

  static constexpr std::size_t kMostHoldings = 262'144;

 private:
  Key key_;
  bool whole_ = true;
  std::vector<std::pair<std::uint64_t, ProcessId>> holdings_;
  std::map<ProcessId, std::pair<std::string, std::string>> known_;  // name, path
};

using CensusPointer = std::shared_ptr<const SocketCensus>;

}  // namespace tollgate
