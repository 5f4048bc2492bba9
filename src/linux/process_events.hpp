// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "linux/netlink_batch.hpp"
#include "linux/netlink_socket.hpp"
#include "tollgate/base/result.hpp"

namespace tollgate {

// What became of a process (linux/cn_proc.h). Threads that begin and end are not told of.
struct ProcessEvent {
  enum class Kind : std::uint8_t {
    began,    // by fork
    became,   // another program, by exec
    changed,  // its user, its group, its name
    ended,
  };
  Kind kind = Kind::began;
  std::uint32_t pid = 0;
  friend bool operator==(const ProcessEvent&, const ProcessEvent&) = default;
};

// One message of the process connector; nullopt for any other.
std::optional<ProcessEvent> decode_process_event(std::span<const std::uint8_t> datagram);

// Tells of the processes of the whole machine. What happened to a process before a moment can be received
// at that moment. The kernel tells it in its first network namespace (drivers/connector), in its first pid
// namespace and with CAP_NET_ADMIN there; elsewhere open() fails.
class ProcessEvents {
 public:
  static Result<ProcessEvents, std::string> open();
  int fd() const { return socket_.fd(); }
  struct Received {
    bool more = false;     // the budget was used up
    bool overrun = false;  // some were lost
  };
  // What is there, at most `budget` messages.
  Received receive(unsigned budget, const std::function<void(const ProcessEvent&)>& each);

 private:
  explicit ProcessEvents(NetlinkSocket socket);
  NetlinkSocket socket_;
  NetlinkBatch batch_;
};

}  // namespace tollgate
