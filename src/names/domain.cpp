// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/names/domain.hpp"

#include <idn2.h>

#include <algorithm>
#include <memory>

namespace tollgate {
namespace {

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Of what is lower case and ASCII.
bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxDomain) return false;
  std::size_t label = 0;
  bool number = true;  // the label is one, so far
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      number = true;
      continue;
    }
    const bool good = (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
    if (!good || ++label > kMaxDomainLabel) return false;
    number = number && is_digit(c);
  }
  return label > 0 && !number;
}

std::optional<std::string> to_ascii(const std::string& text) {
  char* ascii = nullptr;
  const int result = idn2_to_ascii_8z(text.c_str(), &ascii, IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, decltype(&idn2_free)> owned{result == IDN2_OK ? ascii : nullptr, &idn2_free};
  if (!owned) return {};
  return std::string{owned.get()};
}

}  // namespace

std::optional<std::string> canonical_domain(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  std::string name{text};
  if (!is_ascii(name)) {
    // What the library takes is a C string.
    if (name.find('\0') != std::string::npos) return {};
    auto ascii = to_ascii(name);
    if (!ascii) return {};
    name = std::move(*ascii);
  }
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  if (!is_name(name)) return {};
  return name;
}

}  // namespace tollgate
