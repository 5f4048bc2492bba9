// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>

#include "tollgate/base/ip.hpp"
#include "tollgate/wire/parse_error.hpp"
#include "tollgate/wire/protocol.hpp"

namespace tollgate {

// The longest IPv4 packet, and the longest body of an IPv6 packet: 16 bits of length.
inline constexpr std::size_t kMaxIpLength = 65535;

enum class Fragment : std::uint8_t {
  none,   // the whole datagram; also an IPv6 atomic fragment (RFC 6946)
  first,  // offset 0, more to come: has the upper-layer header
  later,  // no upper-layer header: no ports
};

// What IPv4 and IPv6 headers have in common, extension headers included.
struct IpHeader {
  IpAddress source;
  IpAddress destination;
  std::uint32_t length = 0;  // of the packet as the header says, header included; of GSO see ipv4.hpp
  std::uint8_t hop_limit = 0;
  Protocol protocol = Protocol::tcp;
  Fragment fragment = Fragment::none;
};

// A piece of a datagram: where it goes, in bytes, counted as the fragment offset counts.
struct Piece {
  std::size_t offset = 0;
  std::size_t length = 0;
  std::size_t header = 0;  // what counts against kMaxIpLength besides: the header in IPv4, 0 in IPv6
  bool more = false;
};

// bad_fragment for what no sender makes: a piece with more to come whose length is no multiple of 8
// (RFC 791 §3.2, RFC 8200 §4.5), one that ends past kMaxIpLength, and one that starts inside the
// header of `protocol`, to overwrite what was decided about (RFC 1858 §4, RFC 3128).
Parsed<Fragment> classify_fragment(const Piece& piece, Protocol protocol);

}  // namespace tollgate
