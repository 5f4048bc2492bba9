// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/ipv4.hpp"

namespace tollgate {
namespace {

constexpr std::uint16_t kMoreFragments = 0x2000;
constexpr std::uint16_t kOffsetMask = 0x1fff;  // in units of 8 bytes

IpAddress read_address(Reader& in) {
  std::array<std::uint8_t, 4> bytes{};
  in.copy(bytes);
  return IpAddress::v4(bytes);
}

}  // namespace

Parsed<IpHeader> parse_ipv4(CutReader& in) {
  const std::size_t wire = in.on_wire();
  Reader fixed;
  if (!in.take(kIpv4HeaderMin, fixed)) return in.lacking(kIpv4HeaderMin);
  std::uint8_t version_and_length = 0, protocol = 0;
  std::uint16_t total = 0, fragment = 0;
  IpHeader ip;
  fixed.u8(version_and_length);
  fixed.skip(1);  // type of service
  fixed.u16(total);
  fixed.skip(2);  // identification
  fixed.u16(fragment);
  fixed.u8(ip.hop_limit);
  fixed.u8(protocol);
  fixed.skip(2);  // checksum
  ip.source = read_address(fixed);
  ip.destination = read_address(fixed);
  ip.protocol = Protocol{protocol};

  const std::size_t header = std::size_t{version_and_length} % 16 * 4;
  const std::size_t length = total == 0 && wire > kMaxIpLength ? wire : total;
  if (header < kIpv4HeaderMin || length < header) return ParseError::bad_length;
  ip.length = static_cast<std::uint32_t>(length);
  if (!in.skip(header - kIpv4HeaderMin)) return ParseError::truncated;
  in.end_at(length - header);

  if ((fragment & (kMoreFragments | kOffsetMask)) == 0) return ip;
  const Piece piece{std::size_t{fragment} % (kOffsetMask + 1) * 8, length - header, header,
                    (fragment & kMoreFragments) != 0};
  const Parsed<Fragment> place = classify_fragment(piece, ip.protocol);
  if (!place) return place.error();
  ip.fragment = *place;
  return ip;
}

}  // namespace tollgate
