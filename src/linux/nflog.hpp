// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "linux/netlink_socket.hpp"
#include "tollgate/base/result.hpp"

namespace tollgate {

// How the kernel hands over copies of packets (linux/netfilter/nfnetlink_log.h).
struct NflogOptions {
  std::uint16_t group = 0;
  std::uint32_t copy = 0;           // bytes of each packet
  std::uint32_t datagram = 0;       // bytes of the message that the kernel fills with copies
  std::uint32_t together = 1;       // copies after which a message is sent
  std::uint32_t timeout = 1;        // or so long after its first one, in hundredths of a second
  std::uint32_t socket_buffer = 0;  // of the kernel's memory, counted double
  std::string_view instead;         // what to do about a kernel without it, for its error
};

// A socket that gets the copies of this group. Errors: another program has the group; no CAP_NET_ADMIN;
// the kernel has no NFLOG.
Result<NetlinkSocket, std::string> open_nflog(const NflogOptions& options);

// The packet, from its IP header on, in a whole message of nfnetlink_log (NFULNL_MSG_PACKET), header
// included; nullopt for any other message. How long the packet was before it was cut nobody says.
std::optional<std::span<const std::uint8_t>> decode_copy(std::span<const std::uint8_t> message);

}  // namespace tollgate
