// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>

#include "tollgate/wire/ports.hpp"

namespace tollgate {

inline constexpr std::size_t kSctpHeaderLength = 12;

// The common header, RFC 9260 §3.1. Leaves `in` at the first chunk.
// Errors: truncated, beyond_copy_range (the ports were cut off).
Parsed<Ports> parse_sctp(CutReader& in);

}  // namespace tollgate
