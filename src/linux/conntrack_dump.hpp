// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "linux/conntrack_message.hpp"
#include "linux/netlink_socket.hpp"
#include "tollgate/base/result.hpp"

namespace tollgate {

// The whole table, both families, a part at a time: the kernel makes each part when the one before
// it is read, so that nothing piles up however slowly that is. Entries that are there from beginning
// to end come at least once; what comes or goes meanwhile may or may not.
class ConntrackDump {
 public:
  static Result<ConntrackDump, std::string> open(std::uint32_t mark_mask);

  int fd() const { return socket_.fd(); }
  enum class Progress : std::uint8_t { going_on, done, failed };
  // Takes one part, a hundred entries or so. Never waits: the first part is there
  // after `open`. Directions are left to the caller.
  Progress receive(const std::function<void(const ConntrackEntry&)>& each);
  // After `failed`.
  const std::string& error() const { return error_; }

 private:
  explicit ConntrackDump(NetlinkSocket socket, std::uint32_t mark_mask);
  Progress fail(int error);
  NetlinkSocket socket_;
  std::uint32_t mark_mask_;
  std::vector<std::uint8_t> in_;
  std::string error_;
};

}  // namespace tollgate
