// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/flow/verdict.hpp"

#include <string>

#include "catch.hpp"

using namespace tollgate;

TEST_CASE("every verdict's word is read back as that verdict") {
  for (std::size_t i = 0; i < kVerdictCount; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    CHECK(parse_verdict(to_string(verdict)) == verdict);
  }
  CHECK(to_string(Verdict::permanent_block) == "permanent-block");
  CHECK_FALSE(parse_verdict("ask").has_value());
  CHECK_FALSE(parse_verdict("").has_value());
  CHECK_FALSE(parse_verdict("Accept").has_value());
}

TEST_CASE("the first three verdicts are temporary and only the permanent ones have a mark") {
  for (std::size_t i = 0; i < kVerdictCount; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    CHECK(is_temporary(verdict) == (i < 3));
    CHECK((flow_mark(verdict) == FlowMark::undecided) == is_temporary(verdict));
    if (!is_temporary(verdict)) CHECK(verdict_of(flow_mark(verdict)) == verdict);
  }
}

TEST_CASE("a verdict lets pass what is neither blocked nor dropped") {
  CHECK(lets_pass(Verdict::accept));
  CHECK(lets_pass(Verdict::permanent_accept));
  CHECK(lets_pass(Verdict::reroute_nameserver));
  CHECK(lets_pass(Verdict::reroute_tunnel));
  CHECK_FALSE(lets_pass(Verdict::block));
  CHECK_FALSE(lets_pass(Verdict::drop));
  CHECK_FALSE(lets_pass(Verdict::permanent_block));
  CHECK_FALSE(lets_pass(Verdict::permanent_drop));
}

TEST_CASE("marks that are no verdict say so") {
  for (const FlowMark mark :
       {FlowMark::undecided, FlowMark::inspect, FlowMark::block_packet, FlowMark::drop_packet}) {
    CHECK_FALSE(verdict_of(mark).has_value());
  }
}

TEST_CASE("directions, stages and reasons have words") {
  for (std::size_t i = 0; i < static_cast<std::size_t>(Direction::count_); ++i) {
    const auto direction = static_cast<Direction>(i);
    CHECK(parse_direction(to_string(direction)) == direction);
  }
  CHECK_FALSE(parse_direction("out").has_value());
  CHECK(to_string(Stage::communication) == "communication");
  CHECK(to_string(Stage::inspection) == "inspection");
  CHECK(to_string(Reason::folded) == "folded");
  CHECK(to_string(Reason::rule) == "rule");
}
