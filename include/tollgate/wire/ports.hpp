// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>

#include "tollgate/wire/cut_reader.hpp"

namespace tollgate {

// The first four bytes of TCP, UDP, UDP-Lite, SCTP and DCCP alike.
struct Ports {
  std::uint16_t source = 0;
  std::uint16_t destination = 0;
};

inline constexpr std::size_t kPortsLength = 4;

// Leaves `in` behind the ports.
// Errors: truncated, beyond_copy_range.
Parsed<Ports> parse_ports(CutReader& in);

}  // namespace tollgate
