// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "daemon/tracking_watch.hpp"

namespace tollgate {
namespace {

TEST_CASE("a table that stays empty while packets pass tracks nothing; one that was emptied once may") {
  EmptyTable table;
  CHECK_FALSE(table.look(0, 0));  // nothing has passed
  CHECK_FALSE(table.look(0, 10));
  CHECK_FALSE(table.look(3, 20));
  CHECK_FALSE(table.look(0, 30));  // emptied
  CHECK_FALSE(table.look(0, 30));  // nothing has passed since
  CHECK(table.look(0, 31));
  CHECK(table.look(0, 31));
  CHECK_FALSE(table.look(1, 40));
}

TEST_CASE("a count goes on when its rule is loaded anew") {
  RuleCount count;
  CHECK_FALSE(count.update(std::nullopt));
  CHECK(count.update(5) == 5U);
  CHECK(count.update(7) == 7U);
  CHECK(count.update(2) == 9U);
  CHECK(count.update(2) == 9U);
}

}  // namespace
}  // namespace tollgate
