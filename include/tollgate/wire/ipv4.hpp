// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>

#include "tollgate/wire/cut_reader.hpp"
#include "tollgate/wire/ip_header.hpp"

namespace tollgate {

inline constexpr std::size_t kIpv4HeaderMin = 20;

// RFC 791 §3.1, from the version nibble on, which the caller has looked at. Leaves `in` at the body
// and ends it where the total length says. Options are passed over unread. A total length of 0 is a
// GSO packet's when there are more than kMaxIpLength bytes on the wire (their number is then the
// length), else bad_length. A length past the end of `in` is the caller's to judge: in the quotation
// of an ICMP error it is right.
// Errors: truncated, beyond_copy_range, bad_length, bad_fragment.
Parsed<IpHeader> parse_ipv4(CutReader& in);

}  // namespace tollgate
