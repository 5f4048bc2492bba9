// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/dccp.hpp"

namespace tollgate {

Parsed<Ports> parse_dccp(CutReader& in) {
  Reader fixed;
  if (!in.take(kDccpHeaderMin, fixed)) return in.lacking(kDccpHeaderMin);
  Ports ports;
  std::uint8_t offset = 0, extended = 0;
  fixed.u16(ports.source);
  fixed.u16(ports.destination);
  fixed.u8(offset);
  fixed.skip(3);  // CCVal, checksum coverage, checksum
  fixed.u8(extended);
  const std::size_t header = std::size_t{offset} * 4;
  if (header < ((extended & 1) != 0 ? kDccpHeaderExtended : kDccpHeaderMin)) return ParseError::bad_length;
  if (!in.skip(header - kDccpHeaderMin)) return ParseError::truncated;
  return ports;
}

}  // namespace tollgate
