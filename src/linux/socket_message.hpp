// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "tollgate/base/ip.hpp"
#include "tollgate/flow/five_tuple.hpp"

namespace tollgate {

// One local socket as sock_diag tells of it (linux/inet_diag.h, struct inet_diag_msg). An IPv4
// connection of an IPv6 socket (::ffff:192.0.2.1) comes out as the IPv4 connection that it is.
struct SocketEntry {
  // Local end first. A remote port of 0: connected to nobody. Any address: bound to all of them; the
  // family is then the socket's, and an IPv6 socket may hear IPv4 too.
  FiveTuple tuple;
  std::uint8_t state = 0;  // net/tcp_states.h: ESTABLISHED 1 … LISTEN 10
  std::uint32_t uid = 0;
  std::uint32_t inode = 0;      // 0 when no program holds it any more
  std::uint32_t interface = 0;  // bound to it; 0: to none
  std::uint64_t cookie = 0;     // of this socket until the machine is off
};

// A whole message, header included; nullopt for any other message. `protocol` is what was asked for;
// a destroyed socket brings its own (INET_DIAG_PROTOCOL), without which the message is none.
std::optional<SocketEntry> decode_socket(std::span<const std::uint8_t> message,
                                         std::optional<Protocol> protocol = {});

}  // namespace tollgate
