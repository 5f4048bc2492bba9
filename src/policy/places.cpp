// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/policy/places.hpp"

namespace tollgate {

std::optional<Country> Country::parse(std::string_view text) {
  if (text.size() != 2) return {};
  unsigned value = 0;
  for (const char c : text) {
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
    if (upper < 'A' || upper > 'Z') return {};
    value = value << 8 | static_cast<unsigned char>(upper);
  }
  return Country{static_cast<std::uint16_t>(value)};
}

std::string Country::to_string() const {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

}  // namespace tollgate
