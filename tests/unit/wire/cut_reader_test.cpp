// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/cut_reader.hpp"

#include <limits>
#include <vector>

#include "catch.hpp"

namespace tollgate {
namespace {

const std::vector<std::uint8_t> kBytes{1, 2, 3, 4, 5, 6, 7, 8};

TEST_CASE("a whole packet lacks bytes because it is short") {
  CutReader in{kBytes, 8};
  Reader field;
  CHECK(in.on_wire() == 8);
  CHECK_FALSE(in.take(9, field));
  CHECK(in.lacking(9) == ParseError::truncated);
  CHECK(in.take(8, field));
  CHECK(in.on_wire() == 0);
}

TEST_CASE("a cut packet lacks bytes because of the cut, up to its length") {
  CutReader in{kBytes, 20};
  Reader field;
  CHECK_FALSE(in.take(9, field));
  CHECK(in.lacking(9) == ParseError::beyond_copy_range);
  CHECK(in.lacking(20) == ParseError::beyond_copy_range);
  CHECK(in.lacking(21) == ParseError::truncated);
}

TEST_CASE("a wire length below what is here counts as what is here") {
  CHECK(CutReader{kBytes, 3}.on_wire() == 8);
  CHECK(CutReader{kBytes, std::numeric_limits<std::size_t>::max()}.on_wire() ==
        std::numeric_limits<std::size_t>::max());
}

TEST_CASE("peeking does not move on") {
  const CutReader in{kBytes, 8};
  Reader field;
  CHECK(in.peek(2, field));
  CHECK(field.remaining() == 2);
  CHECK_FALSE(in.peek(9, field));
  CHECK(in.on_wire() == 8);
}

TEST_CASE("skipping goes on where the copy has ended") {
  CutReader in{kBytes, 20};
  CHECK(in.skip(6));
  CHECK(in.rest().size() == 2);
  CHECK(in.on_wire() == 14);
  CHECK(in.skip(5));
  CHECK(in.rest().empty());
  CHECK(in.on_wire() == 9);
  CHECK_FALSE(in.skip(10));
  CHECK(in.on_wire() == 9);
  CHECK(in.skip(9));
  CHECK(in.on_wire() == 0);
}

TEST_CASE("a layer ends within the copy, behind it, or not before the packet") {
  CutReader within{kBytes, 20}, behind{kBytes, 20}, past{kBytes, 20};
  within.end_at(5);
  CHECK(within.on_wire() == 5);
  CHECK(within.rest().size() == 5);
  behind.end_at(12);
  CHECK(behind.on_wire() == 12);
  CHECK(behind.rest().size() == 8);
  past.end_at(100);
  CHECK(past.on_wire() == 20);
}

}  // namespace
}  // namespace tollgate
