// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>

#include "tollgate/wire/cut_reader.hpp"

namespace tollgate {

namespace tcp_flag {  // RFC 9293 §3.1
inline constexpr std::uint8_t fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, ack = 0x10;
}

inline constexpr std::size_t kTcpHeaderMin = 20;

struct TcpHeader {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint8_t flags = 0;  // tcp_flag
};

// RFC 9293 §3.1. Leaves `in` at the first payload byte. Options are passed over unread, so a copy may
// end among them.
// Errors: truncated, beyond_copy_range, bad_length (a data offset below 5).
Parsed<TcpHeader> parse_tcp(CutReader& in);

}  // namespace tollgate
