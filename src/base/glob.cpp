// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/base/glob.hpp"

#include <cstddef>

namespace tollgate {

bool glob_matches(std::string_view glob, std::string_view text) {
  std::size_t g = 0, t = 0;
  // Where to take up again when what follows the last star does not fit: the star takes one more
  // byte. Earlier stars need no second try: a shorter match of theirs leaves more for the last one.
  std::size_t star = std::string_view::npos, taken = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      taken = t;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t])) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

bool is_glob(std::string_view text) { return text.find_first_of("*?") != std::string_view::npos; }

}  // namespace tollgate
