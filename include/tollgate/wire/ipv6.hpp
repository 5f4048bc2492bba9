// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>

#include "tollgate/wire/cut_reader.hpp"
#include "tollgate/wire/ip_header.hpp"

namespace tollgate {

inline constexpr std::size_t kIpv6HeaderLength = 40;

// Extension headers in front of the upper layer (RFC 8200 §4.1 recommends each at most once, and
// destination options twice); what is over the limit is `extension_chain`.
inline constexpr unsigned kMaxExtensionHeaders = 16;

// RFC 8200 §3 and §4, from the version nibble on, which the caller has looked at. Leaves `in` behind
// the last extension header and ends it where the payload length says. A length past the end of `in`
// is the caller's to judge, as in parse_ipv4().
//
// Extension headers are hop-by-hop and destination options, routing, fragment, AH (RFC 4302), mobility
// (RFC 6275), HIP (RFC 7401) and shim6 (RFC 5533). The protocol is what follows them:
// - ESP ends the chain, since what follows is not to be read; so does "no next header" (59), unless a
//   mobility, HIP or shim6 header stands before it: that is a message of its own, and the protocol.
// - In a later fragment the chain ends with the fragment header, and the protocol is what that names
//   (which can be an extension header's number).
//
// Jumbograms are refused. What the kernel makes of a GSO packet longer than kMaxIpLength (BIG TCP) is
// not: a payload length of 0, with or without a hop-by-hop header that holds the jumbo option alone
// and is followed by TCP (ipv6_has_hopopt_jumbo() in net/ipv6.h). Its length is what was on the wire.
// Errors: truncated, beyond_copy_range, bad_length, jumbo, extension_chain, bad_fragment.
Parsed<IpHeader> parse_ipv6(CutReader& in);

}  // namespace tollgate
