// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "linux/netlink_socket.hpp"
#include "tollgate/base/result.hpp"

namespace tollgate {

// One message of the process connector (linux/cn_proc.h): a process that began or became another
// program; nullopt for any other message.
std::optional<std::uint32_t> decode_process_event(std::span<const std::uint8_t> datagram);

// Tells of every process that begins (fork) and of every program (exec). The kernel tells it in its
// first network namespace only, and only with CAP_NET_ADMIN: elsewhere nothing ever comes.
class ProcessEvents {
 public:
  static Result<ProcessEvents, std::string> open();
  int fd() const { return socket_.fd(); }
  // What is there, at most `budget` messages.
  void receive(unsigned budget, const std::function<void(std::uint32_t pid)>& each);

 private:
  explicit ProcessEvents(NetlinkSocket socket) : socket_{std::move(socket)} {}
  NetlinkSocket socket_;
};

}  // namespace tollgate
