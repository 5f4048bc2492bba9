// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "tollgate/base/ip.hpp"

namespace tollgate {

// "10.0.0.5-10.0.0.20" as the fewest networks that hold these addresses and no others, at most twice as
// many as an address has bits. nullopt: not two addresses of one family, or the second before the first.
std::optional<std::vector<Prefix>> parse_range(std::string_view text);

}  // namespace tollgate
