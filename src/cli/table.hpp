// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "page.hpp"

namespace tollgate::cli {

struct Column {
  std::string header;
  bool right = false;    // numbers
  bool shrinks = false;  // may be cut when the line does not fit
};

struct Cell {
  std::string text;
  Colour colour = Colour::none;
};

// Aligned columns. Widths come from the rows that are there when the first is printed (kSample of
// them), so that a table of any length is printed as it comes; a later cell that is wider than its
// column pushes the rest of its line.
class Table {
 public:
  static constexpr std::size_t kSample = 500;

  Table(Page& page, std::vector<Column> columns);
  void add(std::vector<Cell> row);
  void finish();  // prints what is left; the header too when there was no row

 private:
  void begin();
  void fit();
  void print(const std::vector<Cell>& row);

  Page& page_;
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> sample_;
  std::vector<std::size_t> widths_;
  bool begun_ = false;
};

// Columns of a terminal, one for each UTF-8 code point.
std::size_t width_of(std::string_view text);
// At most `width` columns, the last one "…" when something was cut.
std::string cut(std::string_view text, std::size_t width);
// What a terminal would obey rather than show becomes "?".
std::string harmless(std::string_view text);

}  // namespace tollgate::cli
