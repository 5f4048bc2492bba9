// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>

#include "tollgate/wire/ports.hpp"

namespace tollgate {

inline constexpr std::size_t kDccpHeaderMin = 12;       // short sequence numbers
inline constexpr std::size_t kDccpHeaderExtended = 16;  // long ones: X = 1

// The generic header, RFC 4340 §5.1. Leaves `in` at the application data: the packet type's own fields
// and options are passed over unread.
// Errors: truncated, beyond_copy_range, bad_length (a data offset inside the generic header).
Parsed<Ports> parse_dccp(CutReader& in);

}  // namespace tollgate
