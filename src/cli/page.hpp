// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>

namespace tollgate::cli {

enum class Colour : unsigned char { none, good, bad, other, faint };

// Where a command writes, and what that can show. main() fills it from the terminal, tests by hand.
struct Page {
  std::ostream& out;
  std::ostream& err;
  std::size_t width = 0;  // columns of the terminal; 0: it is none, nothing is cut
  bool colour = false;

  std::string paint(std::string_view text, Colour with) const;
};

}  // namespace tollgate::cli
