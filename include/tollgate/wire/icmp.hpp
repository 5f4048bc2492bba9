// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>

#include "tollgate/wire/cut_reader.hpp"
#include "tollgate/wire/protocol.hpp"

namespace tollgate {

inline constexpr std::size_t kIcmpHeaderLength = 8;

struct IcmpHeader {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t id = 0;  // echo request and reply only, else 0
};

// Messages that quote the packet they are about: RFC 792 types 3, 4, 5, 11 and 12; RFC 4443 §2.1 types
// 0..127. False for every other protocol.
bool is_icmp_error(Protocol protocol, std::uint8_t type);

// RFC 792, RFC 4443 §2.1; `protocol` is icmp or icmpv6. Leaves `in` behind the eight bytes that every
// message has: at the quoted packet in an error, at the data in an echo.
// Errors: truncated, beyond_copy_range.
Parsed<IcmpHeader> parse_icmp(CutReader& in, Protocol protocol);

}  // namespace tollgate
