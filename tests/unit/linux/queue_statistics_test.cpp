// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/queue_statistics.hpp"

#include "catch.hpp"

using namespace tollgate;

TEST_CASE("a line of nfnetlink_queue") {
  const auto line = parse_queue_statistics(" 4200  31337     5 2 65531    12    34       99  1");
  REQUIRE(line);
  CHECK(line->queue == 4200);
  CHECK(line->holder == 31337);
  CHECK(line->waiting == 5);
  CHECK(line->kernel_dropped == 12);
  CHECK(line->user_dropped == 34);
}

TEST_CASE("a line that is something else is none") {
  CHECK_FALSE(parse_queue_statistics(""));
  CHECK_FALSE(parse_queue_statistics(" 4200  31337     5 2 65531    12    34"));
  CHECK_FALSE(parse_queue_statistics("queue holder waiting"));
}
