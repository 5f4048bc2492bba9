// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/mark_field.hpp"

namespace tollgate {

std::string MarkField::hex(std::uint32_t bits) {
  std::string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[bits >> shift & 0xf];
  return text;
}

}  // namespace tollgate
