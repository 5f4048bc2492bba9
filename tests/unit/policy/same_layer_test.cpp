// SPDX-License-Identifier: GPL-2.0-or-later
// Which layers a new policy touches: only where it could decide a flow otherwise, or by another rule.
#include <random>

#include "catch.hpp"
#include "memory_sources.hpp"
#include "random_policy.hpp"

namespace tollgate {
namespace {

constexpr Family kFamilies[] = {Family::ipv4, Family::ipv6};

// The layers that differ, as "outbound4", …
std::vector<std::string> touched(const Policy& before, const Policy& after) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kDirections; ++i) {
    for (const Family family : kFamilies) {
      const auto direction = static_cast<Direction>(i);
      CHECK(after.same_layer(before, direction, family) == before.same_layer(after, direction, family));
      if (after.same_layer(before, direction, family)) continue;
      names.push_back(std::string{to_string(direction)} + (family == Family::ipv4 ? "4" : "6"));
    }
  }
  return names;
}

using Names = std::vector<std::string>;

PolicyPointer policy(const std::string& text, const std::string& list = "10.0.0.0/8\n") {
  MemorySources sources;
  sources.files["p.toml"] = text;
  sources.files["list.txt"] = list;
  const auto loaded = load_policy("p.toml", {true, true, true, true}, sources);
  REQUIRE(loaded.ok());
  return *loaded;
}

const std::string kRules = R"([list.l]
addresses = "list.txt"
[[rule]]
name = "a"
direction = "outbound"
destination = "192.0.2.0/24"
verdict = "permanent-accept"
[[rule]]
name = "b"
direction = "inbound"
source = "@l"
verdict = "permanent-accept"
)";

TEST_CASE("the same policy touches nothing, wherever its rules stand in their file") {
  CHECK(touched(*policy(kRules), *policy(kRules)).empty());
  CHECK(touched(*policy(kRules), *policy("# a line more\n" + kRules)).empty());
}

TEST_CASE("a rule touches its directions and the families of its addresses") {
  const auto with = [](const std::string& rule) {
    return touched(*policy(kRules), *policy(kRules + "[[rule]]\nverdict = \"drop\"\n" + rule));
  };
  CHECK(with("direction = \"outbound\"") == Names{"outbound4", "outbound6"});
  CHECK(with("direction = \"forward\"\nsource = \"::1\"") == Names{"forward6"});
  CHECK(with("destination = \"10.0.0.1\"") == Names{"outbound4", "inbound4", "forward4"});
  CHECK(with("direction = \"inbound\"\naddress = [\"::1\", \"10.0.0.1\"]") == Names{"inbound4", "inbound6"});
  CHECK(with("direction = \"inbound\"\nsource = \"@l\"") == Names{"inbound4"});
}

TEST_CASE("a default touches its direction, a list the families in which it changed") {
  CHECK(touched(*policy(kRules), *policy("[default]\ninbound = \"drop\"\n" + kRules)) ==
        Names{"inbound4", "inbound6"});
  CHECK(touched(*policy(kRules), *policy(kRules, "10.0.0.0/8\n11.0.0.0/8\n")) == Names{"inbound4"});
  CHECK(touched(*policy(kRules), *policy(kRules, "10.0.0.0/8\nfd00::/8\n")) == Names{"inbound6"});
  CHECK(touched(*policy(kRules, "10.0.0.0/8\nfd00::/8\n"), *policy(kRules, "10.0.0.0/8\nfd00::/16\n")) ==
        Names{"inbound6"});
}

TEST_CASE("a rule's name, order, verdict and every field count") {
  const auto changed = [](const std::string& before, const std::string& after) {
    const std::string frame = "[[rule]]\nname = \"x\"\ndirection = \"outbound\"\n";
    return !touched(*policy(frame + before), *policy(frame + after)).empty();
  };
  const std::string drop = "verdict = \"drop\"\n";
  for (const char* field :
       {"protocol = \"udp\"", "port = 5", "source_port = 5", "interface = \"eth0\"", "user = 5", "group = 5",
        "reauthorize = true", "domain = \"x.org\"", "domain = \"*.x.org\"", "registrable_domain = \"x.org\"",
        "name_source = \"dns\"", "source = \"10.0.0.0/8\""}) {
    CAPTURE(field);
    CHECK(changed(drop, drop + field));
    CHECK_FALSE(changed(drop + field, drop + field));
  }
  CHECK(changed(drop, "verdict = \"block\""));
  CHECK(changed("verdict = \"permanent-accept\"\nprotocol = \"udp\"",
                "verdict = \"permanent-accept\"\nprotocol = \"udp\"\npeers = \"any\""));
  CHECK_FALSE(touched(*policy("[[rule]]\nname = \"x\"\n" + drop), *policy("[[rule]]\nname = \"y\"\n" + drop))
                  .empty());
}

TEST_CASE("where a layer is said to be the same, no evidence finds a difference") {
  std::mt19937 random{7};
  std::size_t same = 0, differing = 0;
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    RandomWorld world{seed};
    PolicyParts parts = world.parts(1 + seed % 12);
    const CompiledPolicy before{parts};
    // One thing changes: a rule goes, comes, or moves; a list loses its addresses and domains.
    Rule& any = parts.rules[random() % parts.rules.size()];
    switch (random() % 4) {
      case 0:
        parts.rules.erase(parts.rules.begin() + static_cast<std::ptrdiff_t>(random() % parts.rules.size()));
        break;
      case 1:
        any.verdict = any.verdict == Verdict::drop ? Verdict::block : Verdict::drop;
        break;
      case 2:
        std::swap(any, parts.rules[random() % parts.rules.size()]);
        break;
      default:
        parts.lists[random() % parts.lists.size()] = PolicyList{};
    }
    const CompiledPolicy after{parts};
    for (int i = 0; i < 200; ++i) {
      const Evidence seen = world.evidence();
      if (!after.same_layer(before, seen.direction, seen.tuple.family)) {
        ++differing;
        continue;
      }
      ++same;
      const FirstMatch was = before.match(seen), is = after.match(seen);
      REQUIRE(was.match == is.match);
      if (was.match != Match::no) REQUIRE(before.rules()[was.rule].name == after.rules()[is.rule].name);
    }
  }
  CHECK(same > 1000);
  CHECK(differing > 1000);
}

}  // namespace
}  // namespace tollgate
