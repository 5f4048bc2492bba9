// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tollgate/base/ip.hpp"
#include "tollgate/wire/icmp.hpp"
#include "tollgate/wire/ip_header.hpp"
#include "tollgate/wire/parse_error.hpp"
#include "tollgate/wire/protocol.hpp"
#include "tollgate/wire/tcp.hpp"

namespace tollgate {

// Who talks to whom, as one packet says it. `source_port` and `destination_port` are 0 for
// protocols without ports and for later fragments.
struct Endpoints {
  IpAddress source;
  IpAddress destination;
  Protocol protocol = Protocol::tcp;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  IcmpHeader icmp;  // of ICMP and ICMPv6
};

// One IP packet as values. Views point into the bytes that were parsed.
struct Packet {
  Endpoints endpoints;
  Fragment fragment = Fragment::none;
  std::uint32_t length = 0;  // bytes on the wire as the IP header says, header included
  std::uint8_t hop_limit = 0;
  std::uint8_t tcp_flags = 0;  // TCP only
  std::uint32_t tcp_sequence = 0;
  bool icmp_error = false;  // is_icmp_error()
  // An ICMP error that quotes enough of a packet to name its flow. False, not an error, when the
  // quotation is cut short, malformed or a later fragment.
  bool has_inner = false;
  Endpoints inner;                        // the quoted packet's endpoints, in its own direction
  std::span<const std::uint8_t> payload;  // above the transport header; as much as was copied
};

// Parses one IP packet, starting at its version nibble. `wire_length` is what the packet measured
// before the copy range cut it (NFQA_CAP_LEN; a capture's original length); less than bytes.size()
// counts as bytes.size(), which is what it is when nothing was cut. Never reads outside `bytes`,
// never throws, allocates nothing, and does not look at checksums (a queued packet may carry a
// partial one: CHECKSUM_PARTIAL).
//
// - Bytes past the IP length (Ethernet padding) are ignored; an IP length past `wire_length` is
//   bad_length.
// - A copy that ends within a header is beyond_copy_range only when what is missing is needed for
//   the endpoints, TCP flags or TCP sequence; cut options and payload are no error.
// - A GSO packet longer than 65,535 bytes has an IP length of 0 (BIG TCP); `length` is then
//   `wire_length`.
// - Protocols without a parser here (IGMP, GRE, ESP, …) have their whole body as payload. ICMP in
//   IPv6 and ICMPv6 in IPv4 are two of them.
Parsed<Packet> parse_packet(std::span<const std::uint8_t> bytes, std::size_t wire_length);

inline Parsed<Packet> parse_packet(std::span<const std::uint8_t> bytes) {
  return parse_packet(bytes, bytes.size());
}

}  // namespace tollgate
