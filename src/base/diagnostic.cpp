// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/base/diagnostic.hpp"

namespace tollgate {

std::string Diagnostic::to_string() const {
  std::string text = file;
  for (const std::uint32_t number : {line, column}) {
    if (number == 0) break;
    if (!text.empty()) text += ':';
    text += std::to_string(number);
  }
  if (!text.empty()) text += ": ";
  return text + message;
}

}  // namespace tollgate
