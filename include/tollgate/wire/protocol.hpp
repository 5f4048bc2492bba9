// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tollgate {

// IP protocol numbers (IANA "Assigned Internet Protocol Numbers"; linux/in.h). Any other number is
// a protocol too: it just has no name and no ports here.
enum class Protocol : std::uint8_t {
  icmp = 1,
  igmp = 2,
  tcp = 6,
  udp = 17,
  dccp = 33,
  gre = 47,
  esp = 50,
  ah = 51,
  icmpv6 = 58,
  sctp = 132,
  udplite = 136,
};

// TCP, UDP, UDP-Lite, SCTP and DCCP carry source and destination port in their first four bytes.
constexpr bool has_ports(Protocol protocol) {
  return protocol == Protocol::tcp || protocol == Protocol::udp || protocol == Protocol::udplite ||
         protocol == Protocol::sctp || protocol == Protocol::dccp;
}
constexpr bool is_icmp(Protocol protocol) {
  return protocol == Protocol::icmp || protocol == Protocol::icmpv6;
}

// "tcp", "icmpv6", …; the decimal number for those without a name.
std::string to_string(Protocol protocol);
// The inverse; also decimal 0..255, without sign or leading zeros. nullopt for anything else.
std::optional<Protocol> parse_protocol(std::string_view text);

}  // namespace tollgate
