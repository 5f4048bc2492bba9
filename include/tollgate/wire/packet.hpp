// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tollgate/base/ip.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/wire/protocol.hpp"

namespace tollgate {

// Why a packet has no meaning. Small and counted; the numbers of a flood stay cheap.
enum class ParseError : std::uint8_t {
  empty,              // no bytes at all
  bad_version,        // the IP version nibble is neither 4 nor 6, or not what the link layer said
  truncated,          // ends before a header does, though nothing cut it short
  bad_length,         // a length field contradicts itself or another (RFC 791 §3.1, RFC 8200 §3)
  jumbo,              // IPv6 jumbogram (RFC 2675), refused
  extension_chain,    // more than kMaxExtensionHeaders, or hop-by-hop not first (RFC 8200 §4.1)
  bad_fragment,       // overlaps the header, or a non-final length that is no multiple of 8
  beyond_copy_range,  // the copy range cut off headers that the tuple needs
  count_,
};
std::string_view to_string(ParseError error);

template <class T>
using Parsed = Result<T, ParseError>;

// Extension headers in front of the upper layer (RFC 8200 §4.1 recommends each at most once, and
// destination options twice); what is over the limit is `extension_chain`.
inline constexpr unsigned kMaxExtensionHeaders = 16;

enum class Fragment : std::uint8_t {
  none,   // the whole datagram
  first,  // offset 0, more to come: has the upper-layer header
  later,  // no upper-layer header: no ports
};

namespace tcp_flag {  // RFC 9293 §3.1
inline constexpr std::uint8_t fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, ack = 0x10;
}

struct TcpHeader {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint8_t flags = 0;  // tcp_flag
};

struct IcmpHeader {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t id = 0;  // echo request and reply only, else 0
};

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
  std::uint32_t length = 0;     // bytes on the wire as the IP header says, header included
  std::uint8_t hop_limit = 0;
  std::uint8_t tcp_flags = 0;   // TCP only
  std::uint32_t tcp_sequence = 0;
  bool icmp_error = false;      // RFC 792 types 3 4 5 11 12; RFC 4443 types 0..127
  bool has_inner = false;       // an ICMP error whose quoted packet could be read
  Endpoints inner;              // the quoted packet's endpoints, in its own direction
  std::span<const std::uint8_t> payload;  // above the transport header; as much as was copied
};

// Parses one IP packet, starting at its version nibble. `wire_length` is what the packet measured
// before the copy range cut it (NFQA_CAP_LEN; a capture's original length); bytes.size() when it
// was not cut. Never reads outside `bytes`, never throws, does not look at checksums (a queued
// packet may carry a partial one: CHECKSUM_PARTIAL). A GSO packet may be longer than 65,535 bytes
// and then has an IP length of 0 (BIG TCP) or of its whole size.
Parsed<Packet> parse_packet(std::span<const std::uint8_t> bytes, std::size_t wire_length);

inline Parsed<Packet> parse_packet(std::span<const std::uint8_t> bytes) {
  return parse_packet(bytes, bytes.size());
}

}  // namespace tollgate
