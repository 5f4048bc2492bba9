// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>

#include "tollgate/wire/ip_header.hpp"
#include "tollgate/wire/ports.hpp"

namespace tollgate {

inline constexpr std::size_t kUdpHeaderLength = 8;

// RFC 768. Leaves `in` at the first payload byte and ends it where the UDP length says; what the IP
// packet holds besides (UDP options, RFC 9868) is no payload. The length is held against the IP
// packet's unless that is a first fragment. A length of 0 (RFC 2675 §4) is a jumbogram's: refused.
// Errors: truncated, beyond_copy_range, bad_length.
Parsed<Ports> parse_udp(CutReader& in, Fragment fragment);

// RFC 3828 §3.1: a coverage of the checksum, 0 for all, stands where UDP has its length.
// Errors: as parse_udp().
Parsed<Ports> parse_udplite(CutReader& in, Fragment fragment);

}  // namespace tollgate
