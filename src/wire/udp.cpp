// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/udp.hpp"

namespace tollgate {
namespace {

struct UdpHeader {
  Ports ports;
  std::uint16_t length = 0;  // UDP-Lite: coverage
};

Parsed<UdpHeader> parse_header(CutReader& in) {
  Reader header;
  if (!in.take(kUdpHeaderLength, header)) return in.lacking(kUdpHeaderLength);
  UdpHeader udp;
  header.u16(udp.ports.source);
  header.u16(udp.ports.destination);
  header.u16(udp.length);
  return udp;
}

}  // namespace

Parsed<Ports> parse_udp(CutReader& in, Fragment fragment) {
  const std::size_t body = in.on_wire();
  const Parsed<UdpHeader> udp = parse_header(in);
  if (!udp) return udp.error();
  if (udp->length < kUdpHeaderLength) return ParseError::bad_length;
  if (udp->length > body && fragment == Fragment::none) return ParseError::bad_length;
  in.end_at(udp->length - kUdpHeaderLength);
  return udp->ports;
}

Parsed<Ports> parse_udplite(CutReader& in, Fragment fragment) {
  const std::size_t body = in.on_wire();
  const Parsed<UdpHeader> udp = parse_header(in);
  if (!udp) return udp.error();
  const std::size_t coverage = udp->length;
  if (coverage != 0 && coverage < kUdpHeaderLength) return ParseError::bad_length;
  if (coverage > body && fragment == Fragment::none) return ParseError::bad_length;
  return udp->ports;
}

}  // namespace tollgate
