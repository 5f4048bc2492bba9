// SPDX-License-Identifier: GPL-2.0-or-later
// Patterns, sets and lists of domains.
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "../../../src/policy/domain_list_reader.hpp"
#include "catch.hpp"

namespace tollgate {
namespace {

DomainPattern pattern(const char* text) { return DomainPattern::parse(text).value(); }

struct Parsed {
  DomainSet set;
  std::vector<std::string> wrong;
};

Parsed parse(std::string_view text, bool all_except = false) {
  DomainSet::Builder builder;
  FileDiagnostics found{"f"};
  parse_domain_list(text, all_except, builder, found);
  Parsed parsed{std::move(builder).build(), {}};
  for (const Diagnostic& diagnostic : found.take()) parsed.wrong.push_back(diagnostic.to_string());
  return parsed;
}

// Of these names, those that the list has.
std::vector<std::string> listed(std::string_view text, const std::vector<std::string>& names) {
  const Parsed parsed = parse(text);
  CHECK(parsed.wrong.empty());
  std::vector<std::string> result;
  for (const std::string& name : names) {
    if (parsed.set.contains(name)) result.push_back(name);
  }
  return result;
}

using Names = std::vector<std::string>;
const Names kThree{"x.org", "a.x.org", "b.a.x.org"};

TEST_CASE("patterns: a domain, or what is below it") {
  CHECK(pattern("Example.org") == DomainPattern{"example.org", true, false});
  CHECK(pattern("*.bücher.example") == DomainPattern{"xn--bcher-kva.example", false, true});
  CHECK(pattern("x.org").matches("x.org"));
  CHECK_FALSE(pattern("x.org").matches("a.x.org"));
  CHECK_FALSE(pattern("x.org").matches("ax.org"));
  CHECK(pattern("*.x.org").matches("a.x.org"));
  CHECK(pattern("*.x.org").matches("b.a.x.org"));
  CHECK_FALSE(pattern("*.x.org").matches("x.org"));
  CHECK_FALSE(pattern("*.x.org").matches("ax.org"));
  CHECK(pattern("*.x.org").to_string() == "*.x.org");
  CHECK(pattern("x.org").to_string() == "x.org");
  for (const char* text : {"", "*", "*.", "a.*", "*.*.x", "*x.org", "10.0.0.1", "@ads"}) {
    CAPTURE(text);
    CHECK_FALSE(DomainPattern::parse(text).has_value());
  }
}

TEST_CASE("every form of a line") {
  CHECK(listed("x.org\n", kThree) == Names{"x.org"});
  CHECK(listed("*.x.org", kThree) == Names{"a.x.org", "b.a.x.org"});
  CHECK(listed("||x.org^\n", kThree) == kThree);
  CHECK(listed("0.0.0.0 a.x.org x.org # both\n", kThree) == Names{"x.org", "a.x.org"});
  CHECK(listed("::1\tx.org\r\n", kThree) == Names{"x.org"});
  CHECK(listed("address=/x.org/0.0.0.0", kThree) == kThree);
  CHECK(listed("server=/y.org/x.org/", kThree) == kThree);
  CHECK(listed("local=/a.x.org/", kThree) == Names{"a.x.org", "b.a.x.org"});
  CHECK(listed("x.org CNAME .", kThree) == Names{"x.org"});
  CHECK(listed("*.x.org 1h30m IN CNAME *. ; no data", kThree) == Names{"a.x.org", "b.a.x.org"});
  CHECK(listed("x.org IN A 192.0.2.1\na.x.org AAAA ::1", kThree) == Names{"x.org", "a.x.org"});
}

TEST_CASE("comments, headers and blank lines say nothing") {
  CHECK(listed("# c\n! c\n; c\n[Adblock Plus]\n\n  \t\r\n  x.org  # c\n", {}).empty());
  CHECK(listed("\xef\xbb\xbf# c\nx.org ; c", kThree) == Names{"x.org"});
}

TEST_CASE("what every hosts file has is not listed") {
  const std::string hosts =
      "127.0.0.1 localhost localhost.localdomain\n255.255.255.255 broadcasthost\n::1 ip6-localhost "
      "ip6-loopback\nfe80::1%lo0 localhost\n0.0.0.0 0.0.0.0\nff02::1 ip6-allnodes\n0.0.0.0 ip6-ads.org\n";
  CHECK(listed(hosts, {"localhost", "broadcasthost", "ip6-localhost", "ip6-ads.org"}) ==
        Names{"ip6-ads.org"});
}

TEST_CASE("a zone's own records and its directives") {
  const std::string zone =
      "$TTL 300\n$ORIGIN rpz.example.\n@ IN SOA localhost. root.localhost. (\n 1 ; serial\n 2 3 4 5 )\n"
      "  IN NS localhost.\n\tNS other.\nx.org.rpz.example. CNAME .\na.x.org CNAME rpz-passthru.\n";
  CHECK(listed(zone, kThree) == Names{"x.org"});
  CHECK(listed("@ SOA a. b. (1 2 3 4 5)\nx.org CNAME .", kThree) == Names{"x.org"});
}

TEST_CASE("exceptions win, wherever they stand") {
  CHECK(listed("@@||a.x.org^\n||x.org^", kThree) == Names{"x.org"});
  CHECK(listed("a.x.org\n||x.org^\nserver=/x.org/#", kThree).empty());
  CHECK(listed("||x.org^\na.x.org CNAME rpz-passthru.", kThree) == Names{"x.org", "b.a.x.org"});
  CHECK(listed("||x.org^\n*.x.org CNAME RPZ-passthru.", kThree) == Names{"x.org"});
  const Parsed all = parse("x.org\n||y.org^", true);
  CHECK(all.set.size() == 2);
  CHECK_FALSE(all.set.contains("x.org"));
}

TEST_CASE("other lines are named, and nothing of them is taken") {
  const auto wrong = [](std::string_view text) {
    const Parsed parsed = parse(text);
    CHECK(parsed.set.empty());
    REQUIRE(parsed.wrong.size() == 1);
    return parsed.wrong.front();
  };
  CHECK(wrong("\n  ||x.org^$third-party\n") ==
        "f:2:3: \"||x.org^$third-party\" is not a domain in any form that lists have");
  for (const char* line : {"x.org##.banner",
                           "10.0.0.1",
                           "||x.org",
                           "||^",
                           "@@x.org",
                           "/x/",
                           "a b c",
                           "0.0.0.0 good.org b@d.org",
                           "address=/x.org",
                           "address=/",
                           "address=//",
                           "address=/good.org/b@d.org/",
                           "x.org TXT .",
                           "no line of a list",
                           "x.org next CNAME .",
                           "a.*.org",
                           "32.1.2.0.192.rpz-ip CNAME .",
                           "ns.x.org.rpz-nsdname CNAME .",
                           "$INCLUDE other",
                           "\xff",
                           "x..org"}) {
    CAPTURE(line);
    wrong(line);
  }
  CHECK(wrong("@ SOA a. b. (\nx.org\n") == "f:1:1: the parenthesis that opens here is not closed");
}

TEST_CASE("of very many broken lines the first are named, the others counted") {
  std::string text = "x.org\n";
  for (int i = 0; i < 5000; ++i) text += "no name\n";
  const Parsed parsed = parse(text);
  CHECK(parsed.set.contains("x.org"));
  REQUIRE(parsed.wrong.size() == FileDiagnostics::kMost + 1);
  CHECK(parsed.wrong.back() ==
        "f:1002:1: \"no name\" is not a domain in any form that lists have (and 3999 more in this file)");
}

TEST_CASE("a set is what its patterns are, one by one") {
  std::mt19937 random{5};
  const auto name = [&] {
    std::string text = random() % 2 == 0 ? "com" : "org";
    for (std::size_t i = random() % 4; i > 0; --i)
      text = std::string(1 + random() % 2, "ab"[random() % 2]) + '.' + text;
    return text;
  };
  std::size_t hits = 0, excepted = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::pair<DomainPattern, bool>> patterns;
    DomainSet::Builder builder;
    for (std::size_t i = random() % 40; i > 0; --i) {
      const auto kind = random() % 3;
      patterns.push_back({{name(), kind != 1, kind != 0}, random() % 5 == 0});
      builder.add(patterns.back().first, patterns.back().second);
    }
    const DomainSet set = std::move(builder).build();
    CHECK(set.size() <= patterns.size());
    for (int i = 0; i < 60; ++i) {
      const std::string asked = name();
      bool listed = false, except = false;
      for (const auto& [one, exception] : patterns) (exception ? except : listed) |= one.matches(asked);
      if (set.contains(asked) != (listed && !except)) FAIL(asked);
      hits += listed && !except ? 1 : 0;
      excepted += listed && except ? 1 : 0;
    }
  }
  CHECK(hits > 1000);
  CHECK(excepted > 100);
}

TEST_CASE("a big set is exact and small, and names that come twice cost nothing") {
  constexpr std::uint32_t kNames = 50'000;
  DomainSet::Builder builder;
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; i < 2 * kNames; ++i) {
    const std::string name = "host" + std::to_string(i % kNames * 2) + ".example.org";
    if (i < kNames) bytes += name.size();
    builder.add({name, true, false});
  }
  const DomainSet set = std::move(builder).build();
  CHECK(set.size() == kNames);
  CHECK(set.bytes() <= bytes + kNames * 18);  // the table was made for twice as many
  for (std::uint32_t i = 0; i < 2 * kNames; ++i) {
    if (set.contains("host" + std::to_string(i) + ".example.org") != (i % 2 == 0)) FAIL(i);
  }
  CHECK_FALSE(set.contains("example.org"));
  CHECK_FALSE(set.contains("a.host0.example.org"));
  CHECK_FALSE(set.contains(""));
  CHECK_FALSE(DomainSet{}.contains("x"));
}

TEST_CASE("sets of the same names in the same order are the same") {
  CHECK(parse("x.org\ny.org").set == parse("# c\nx.org\ny.org\nx.org").set);
  CHECK_FALSE(parse("x.org").set == parse("*.x.org").set);
  CHECK_FALSE(parse("x.org").set == parse("y.org").set);
}

}  // namespace
}  // namespace tollgate
