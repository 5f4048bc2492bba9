// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string_view>

#include "tollgate/base/result.hpp"

namespace tollgate {

// Why a packet has no meaning. Small and counted; the numbers of a flood stay cheap.
enum class ParseError : std::uint8_t {
  empty,              // no bytes at all
  bad_version,        // the IP version nibble is neither 4 nor 6
  truncated,          // ends before a header does, though nothing cut it short
  bad_length,         // a length field contradicts itself or another (RFC 791 §3.1, RFC 8200 §3)
  jumbo,              // IPv6 jumbogram (RFC 2675), refused
  extension_chain,    // more than kMaxExtensionHeaders, or hop-by-hop not first (RFC 8200 §4.1)
  bad_fragment,       // see classify_fragment(); or a second IPv6 fragment header
  beyond_copy_range,  // the copy range cut off headers that the tuple needs
  count_,
};
// "bad_version", …: the enumerator's name.
std::string_view to_string(ParseError error);

template <class T>
using Parsed = Result<T, ParseError>;

}  // namespace tollgate
