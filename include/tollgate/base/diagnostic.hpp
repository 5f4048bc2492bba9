// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tollgate {

// What is wrong with a text that a person wrote, and where. Lines and columns count from 1;
// 0 means that the place is the whole file (it cannot be read, say).
struct Diagnostic {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string message;  // one line, no full stop

  // "FILE:LINE:COLUMN: MESSAGE", without what is 0.
  std::string to_string() const;
  friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

using Diagnostics = std::vector<Diagnostic>;

}  // namespace tollgate
