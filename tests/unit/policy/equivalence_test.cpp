// SPDX-License-Identifier: GPL-2.0-or-later
// match (compiled, indexed) and explain (the rules as they were written) give one answer.
#include "catch.hpp"
#include "random_policy.hpp"

namespace tollgate {
namespace {

struct Seen {
  std::size_t no = 0, yes = 0, unknown = 0, inspects = 0;
};

void compare(const CompiledPolicy& policy, const Evidence& seen, Seen& counted) {
  const FirstMatch fast = policy.match(seen);
  const std::vector<TriedRule> slow = policy.explain(seen);
  const bool decided = !slow.empty() && slow.back().match != Match::no;
  const Match match = decided ? slow.back().match : Match::no;
  REQUIRE(fast.match == match);
  if (decided) REQUIRE(fast.rule == slow.back().rule);
  switch (match) {
    case Match::no:
      return void(++counted.no);
    case Match::yes:
      return void(++counted.yes);
    case Match::unknown:
      return void(++counted.unknown);
    case Match::inspects:
      return void(++counted.inspects);
  }
}

TEST_CASE("match and explain agree on random policies and evidence") {
  Seen counted;
  for (std::uint32_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    RandomWorld world{seed};
    const CompiledPolicy policy{world.parts(seed % 60)};
    for (int i = 0; i < 100; ++i) compare(policy, world.evidence(), counted);
  }
  // Each answer was given often enough to mean something.
  CHECK(counted.no > 1000);
  CHECK(counted.yes > 1000);
  CHECK(counted.unknown > 1000);
  CHECK(counted.inspects > 1000);
}

}  // namespace
}  // namespace tollgate
