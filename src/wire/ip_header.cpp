// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/ip_header.hpp"

#include "tollgate/wire/dccp.hpp"
#include "tollgate/wire/icmp.hpp"
#include "tollgate/wire/sctp.hpp"
#include "tollgate/wire/tcp.hpp"
#include "tollgate/wire/udp.hpp"

namespace tollgate {
namespace {

// What a first fragment has to hold at least, and no other fragment may overlap.
std::size_t header_min(Protocol protocol) {
  switch (protocol) {
    case Protocol::tcp:
      return kTcpHeaderMin;
    case Protocol::udp:
    case Protocol::udplite:
      return kUdpHeaderLength;
    case Protocol::sctp:
      return kSctpHeaderLength;
    case Protocol::dccp:
      return kDccpHeaderMin;
    case Protocol::icmp:
    case Protocol::icmpv6:
      return kIcmpHeaderLength;
    case Protocol::igmp:
    case Protocol::gre:
    case Protocol::esp:
    case Protocol::ah:
      break;
  }
  return 0;
}

}  // namespace

Parsed<Fragment> classify_fragment(const Piece& piece, Protocol protocol) {
  if (piece.more && piece.length % 8 != 0) return ParseError::bad_fragment;
  if (piece.header + piece.offset + piece.length > kMaxIpLength) return ParseError::bad_fragment;
  if (piece.offset == 0) return piece.more ? Fragment::first : Fragment::none;
  if (piece.offset < header_min(protocol)) return ParseError::bad_fragment;
  return Fragment::later;
}

}  // namespace tollgate
