// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/table.hpp"

#include <sstream>

#include "catch.hpp"

using namespace tollgate::cli;

namespace {

std::string table(std::size_t width, bool colour, const std::vector<std::vector<Cell>>& rows) {
  std::ostringstream out, err;
  Page page{out, err, width, colour};
  Table table{page, {{"N", true}, {"NAME", false, true}, {"WHERE"}}};
  for (const auto& row : rows) table.add(row);
  table.finish();
  return out.str();
}

}  // namespace

TEST_CASE("table: columns stand under one another, numbers to the right, no blanks at the end") {
  CHECK(table(0, false, {{{"1"}, {"one"}, {"a"}}, {{"100"}, {"a hundred"}, {""}}, {{"7"}, {""}, {"c"}}}) ==
        "  N  NAME       WHERE\n"
        "  1  one        a\n"
        "100  a hundred\n"
        "  7             c\n");
}

TEST_CASE("table: no rows, only the header") { CHECK(table(0, false, {}) == "N  NAME  WHERE\n"); }

TEST_CASE("table: a line that does not fit is cut where it may be") {
  CHECK(table(20, false, {{{"1"}, {"a very long name"}, {"there"}}}) ==
        "N  NAME        WHERE\n"
        "1  a very lo…  there\n");
  // Not below what can still be read.
  CHECK(table(5, false, {{{"1"}, {"a very long name"}, {"there"}}}) ==
        "N  NAME    WHERE\n"
        "1  a ver…  there\n");
}

TEST_CASE("table: columns are counted in characters, not in bytes") {
  CHECK(table(0, false, {{{"1"}, {"käse"}, {"x"}}, {{"2"}, {"kase"}, {"y"}}}) ==
        "N  NAME  WHERE\n"
        "1  käse  x\n"
        "2  kase  y\n");
  CHECK(cut("käsekuchen", 4) == "käs…");
  CHECK(width_of("käs…") == 4);
}

TEST_CASE("table: colour costs no width") {
  CHECK(table(0, true, {{{"1"}, {"ok", Colour::good}, {"x"}}}) ==
        "\x1b[2mN\x1b[0m  \x1b[2mNAME\x1b[0m  \x1b[2mWHERE\x1b[0m\n"
        "1  \x1b[32mok\x1b[0m    x\n");
}

TEST_CASE("table: a terminal is shown nothing that it would obey") {
  CHECK(table(0, false,
              {{{"1"},
                {"\x1b[2Jx\n\x7f\xc2\x9b"
                 "31mé"},
                {"y"}}}) ==
        "N  NAME          WHERE\n"
        "1  ?[2Jx???31mé  y\n");
}
