// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

// What the protocols that speak in lines have in common.
namespace tollgate {

inline std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Moves the first line out of `text`, without its LF or CRLF. Where no line ends yet `line` is all that
// is here, and the answer is false.
inline bool take_line(std::string_view& text, std::string_view& line) {
  const std::size_t end = text.find('\n');
  line = text.substr(0, end);
  if (end == std::string_view::npos) return false;
  text.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return true;
}

constexpr char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

inline bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

inline std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Whether what is here of `text` could still become something that begins with `start`.
inline bool may_start_with(std::string_view text, std::string_view start) {
  const std::size_t common = std::min(text.size(), start.size());
  return text.substr(0, common) == start.substr(0, common);
}

}  // namespace tollgate
