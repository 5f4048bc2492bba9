// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/icmp.hpp"

namespace tollgate {
namespace {

bool is_echo(Protocol protocol, std::uint8_t type) {
  return protocol == Protocol::icmp ? type == 0 || type == 8 : type == 128 || type == 129;
}

}  // namespace

bool is_icmp_error(Protocol protocol, std::uint8_t type) {
  if (protocol == Protocol::icmpv6) return type < 128;
  return protocol == Protocol::icmp && (type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
}

Parsed<IcmpHeader> parse_icmp(CutReader& in, Protocol protocol) {
  Reader fixed;
  if (!in.take(kIcmpHeaderLength, fixed)) return in.lacking(kIcmpHeaderLength);
  IcmpHeader icmp;
  fixed.u8(icmp.type);
  fixed.u8(icmp.code);
  fixed.skip(2);  // checksum
  if (is_echo(protocol, icmp.type)) fixed.u16(icmp.id);
  return icmp;
}

}  // namespace tollgate
