// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tollgate {

inline constexpr std::size_t kMaxDomain = 253;      // without the dot at the end, RFC 1035 §2.3.4
inline constexpr std::size_t kMaxDomainLabel = 63;  // RFC 1035 §2.3.1

// The one form of a name in which names are compared: lower case, letters outside ASCII as IDNA writes them
// (RFC 5891, non-transitional), no dot at the end. nullopt: it is none. Labels are of letters, digits, "-"
// and
// "_"; the last is not a number, for that would be an address.
std::optional<std::string> canonical_domain(std::string_view text);

}  // namespace tollgate
