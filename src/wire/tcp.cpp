// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/tcp.hpp"

namespace tollgate {

Parsed<TcpHeader> parse_tcp(CutReader& in) {
  Reader fixed;
  if (!in.take(kTcpHeaderMin, fixed)) return in.lacking(kTcpHeaderMin);
  TcpHeader tcp;
  std::uint8_t offset = 0;
  fixed.u16(tcp.source_port);
  fixed.u16(tcp.destination_port);
  fixed.u32(tcp.sequence);
  fixed.u32(tcp.acknowledgment);
  fixed.u8(offset);
  fixed.u8(tcp.flags);
  const std::size_t header = std::size_t{offset} / 16 * 4;
  if (header < kTcpHeaderMin) return ParseError::bad_length;
  if (!in.skip(header - kTcpHeaderMin)) return ParseError::truncated;
  return tcp;
}

}  // namespace tollgate
