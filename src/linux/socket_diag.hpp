// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "linux/netlink_batch.hpp"
#include "linux/netlink_socket.hpp"
#include "linux/socket_message.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/config/config.hpp"

namespace tollgate {

// Local sockets that are gone (sock_diag's multicasts, linux/sock_diag.h, SKNLGRP_*): those of UDP, and
// where it is wanted of TCP, that had a port, both families.
class SocketEvents {
 public:
  // With `loopback` exempt nothing of sockets bound to loopback addresses.
  static Result<SocketEvents, std::string> open(LoopbackHandling loopback);

  int fd() const { return socket_.fd(); }  // non-blocking

  // TCP's too: of use while there are listening sockets whose end counts. A connection is told to be over
  // otherwise, and here each end of one would cost a message that a thread of the kernel writes. errno when
  // false.
  bool tell_tcp(bool on);

  // At most `budget` messages. Never waits.
  NetlinkBatch::Drained receive(unsigned budget, const std::function<void(const SocketEntry&)>& each);

 private:
  explicit SocketEvents(NetlinkSocket socket);
  NetlinkSocket socket_;
  NetlinkBatch batch_;
};

// Questions about single local sockets, and their end (linux/inet_diag.h). The kernel answers before
// the call that asks returns: nothing here waits.
class SocketDiag {
 public:
  static Result<SocketDiag, std::string> open();

  // The socket of this tuple, local end first: the connection, or for UDP and without a remote end
  // whichever socket hears it, also one of every address. An IPv4 tuple finds IPv6 sockets that talk
  // IPv4. `interface`: where it may be bound to.
  std::optional<SocketEntry> find(const FiveTuple& tuple, std::uint32_t interface = 0);

  // As find; where no connection is, the socket that listens for it.
  std::optional<SocketEntry> find_or_listening(const FiveTuple& tuple, std::uint32_t interface = 0);

  // Whether this kernel ends sockets on demand (CONFIG_INET_DIAG_DESTROY).
  bool can_destroy() const { return can_destroy_; }
  enum class Destroyed : std::uint8_t { done, gone, failed };
  // Ends the connected TCP socket of this tuple, local end first: its program reads ECONNABORTED, the
  // other end gets a reset. Never a listening socket, never one that came after the one found. With a
  // `cookie` only that socket.
  Destroyed destroy(const FiveTuple& tuple, std::uint64_t cookie = 0, std::uint32_t interface = 0);

 private:
  explicit SocketDiag(NetlinkSocket socket);
  // The errno, 0 when it was acknowledged or answered.
  int request(std::uint16_t type, std::uint16_t flags, const SocketEntry& socket,
              std::optional<SocketEntry>* answer);
  std::optional<SocketEntry> look_up(const FiveTuple& tuple, std::uint32_t interface);
  NetlinkSocket socket_;
  std::vector<std::uint8_t> in_;
  std::uint32_t sequence_ = 0;
  bool can_destroy_ = false;
};

}  // namespace tollgate
