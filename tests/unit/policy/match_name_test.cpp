// SPDX-License-Identifier: GPL-2.0-or-later
// Questions for names, before and after they are resolved: which rule refuses them, if any.
#include <string>

#include "catch.hpp"
#include "memory_sources.hpp"

namespace tollgate {
namespace {

constexpr PolicyFeatures kAll{true, true, true, true, true};

std::string rule(const std::string& name, const std::string& fields, const std::string& verdict) {
  return "[[rule]]\nname = \"" + name + "\"\n" + fields + "\nverdict = \"" + verdict + "\"\n";
}

struct Asked {
  std::string domain;
  Stage at = Stage::before_resolving;
  std::uint16_t type = 1;
  std::string address = {};
  const Process* process = nullptr;
};

// The name of the rule that refuses it; "" for none.
std::string refused(const std::string& policy, const Asked& asked) {
  const auto loaded = load_text(policy, kAll);
  if (!loaded) FAIL(loaded.error().front().to_string());
  Evidence seen;
  seen.domain = std::string_view{asked.domain};
  seen.at = asked.at;
  seen.query_type = asked.type;
  seen.addressed = !asked.address.empty();
  if (seen.addressed) {
    const IpAddress address = *IpAddress::parse(asked.address);
    seen.tuple.family = address.family();
    seen.tuple.destination = address.bytes();
  }
  if (asked.process != nullptr) seen.process = asked.process;
  const FirstMatch match = (*loaded)->match_name(seen);
  CHECK(match.match != Match::unknown);
  return match.match == Match::yes ? (*loaded)->rules()[match.rule].name : "";
}

std::vector<std::string> wrong(const std::string& fields, const std::string& verdict = "block",
                               const PolicyFeatures& features = kAll) {
  std::vector<std::string> lines;
  const auto loaded = load_text("[[rule]]\n" + fields + "\nverdict = \"" + verdict + "\"\n", features);
  if (loaded) return lines;
  for (const Diagnostic& one : loaded.error()) lines.push_back(one.to_string());
  return lines;
}

using Lines = std::vector<std::string>;

TEST_CASE("a rule that refuses a name refuses the question for it") {
  const std::string policy = rule("ads", "domain = [\"ads.example\", \"*.ads.example\"]", "permanent-block");
  CHECK(refused(policy, {"ads.example"}) == "ads");
  CHECK(refused(policy, {"x.ads.example"}) == "ads");
  CHECK(refused(policy, {"example"}).empty());
}

TEST_CASE("the rule that sends questions here, and refusals of links, hide none below") {
  const std::string policy =
      rule("dns", "port = \"udp/53\"\ndirection = \"outbound\"", "reroute-nameserver") +
      rule("no dot", "port = \"tcp/853\"", "permanent-block") +
      rule("ads", "domain = \"ads.example\"", "permanent-block");
  CHECK(refused(policy, {"ads.example"}) == "ads");
}

TEST_CASE("what a rule above may let pass is not refused") {
  const std::string ads = rule("ads", "domain = \"*.example\"", "permanent-block");
  CHECK(refused(rule("web", "port = \"tcp/443\"", "permanent-accept") + ads, {"ads.example"}).empty());
  CHECK(
      refused(rule("good", "domain = \"good.example\"", "permanent-accept") + ads, {"good.example"}).empty());
  CHECK(refused(rule("good", "domain = \"good.example\"", "permanent-accept") + ads, {"ads.example"}) ==
        "ads");
  CHECK(refused(rule("good", "domain = \"good.example\"\nport = 443", "accept") + ads, {"ads.example"}) ==
        "ads");
}

TEST_CASE("rules of links alone refuse no question") {
  CHECK(refused(rule("all", "direction = \"outbound\"", "permanent-block"), {"example"}).empty());
  CHECK(refused(rule("inbound", "direction = \"inbound\"\ndomain = \"example\"", "block"), {"example"})
            .empty());
  CHECK(refused(rule("by port", "domain = \"example\"\nport = 25", "block"), {"example"}).empty());
  CHECK(refused(rule("pinned", "domain = \"example\"\nstage = \"link\"", "block"), {"example"}).empty());
}

TEST_CASE("a rule may be for some programs") {
  Process curl;
  curl.path = "/usr/bin/curl";
  Process other;
  other.path = "/usr/bin/other";
  const std::string policy =
      rule("curl asks nobody", "process = \"/usr/bin/curl\"\nstage = \"before-resolving\"", "block");
  CHECK(refused(policy, {"example", Stage::before_resolving, 1, "", &curl}) == "curl asks nobody");
  CHECK(refused(policy, {"example", Stage::before_resolving, 1, "", &other}).empty());
  CHECK(refused(policy, {"example"}).empty());  // nobody that is known
}

TEST_CASE("types of questions") {
  const std::string policy = rule("no ech", "query_type = [\"https\", 64]", "block");
  CHECK(refused(policy, {"example", Stage::before_resolving, 65}) == "no ech");
  CHECK(refused(policy, {"example", Stage::before_resolving, 64}) == "no ech");
  CHECK(refused(policy, {"example", Stage::before_resolving, 1}).empty());
  CHECK(refused(policy, {"example", Stage::after_resolving, 65}).empty());  // before, if nothing else is said
}

TEST_CASE("after resolving: addresses") {
  const std::string policy =
      rule("home", "domain = \"*.home.arpa\"", "permanent-accept") +
      rule("rebinding", "stage = \"after-resolving\"\nscope = [\"host\", \"lan\"]", "block") +
      rule("bad", "destination = \"203.0.113.0/24\"", "permanent-drop");
  CHECK(refused(policy, {"x.example", Stage::after_resolving, 1, "192.168.1.1"}) == "rebinding");
  CHECK(refused(policy, {"x.example", Stage::after_resolving, 28, "::1"}) == "rebinding");
  CHECK(refused(policy, {"x.home.arpa", Stage::after_resolving, 1, "192.168.1.1"}).empty());
  CHECK(refused(policy, {"x.example", Stage::after_resolving, 1, "203.0.113.7"}) == "bad");
  CHECK(refused(policy, {"x.example", Stage::after_resolving, 1, "192.0.2.1"}).empty());
  CHECK(refused(policy, {"x.example", Stage::after_resolving}).empty());
  CHECK(refused(policy, {"x.example"}).empty());
}

TEST_CASE("rules for questions decide no flow") {
  const auto policy = load_text(
      rule("q", "stage = \"before-resolving\"", "block") + rule("t", "query_type = \"A\"", "block"), kAll);
  REQUIRE(policy);
  CHECK((*policy)->match(Evidence{}).match == Match::no);
  const auto tried = (*policy)->explain(Evidence{});
  REQUIRE(tried.size() == 2);
  CHECK(tried[0].why == "is for questions, before-resolving");
  CHECK((*policy)->rules()[0].stage == Stage::before_resolving);
  // Nor is any flow decided again for them.
  CHECK(touched_layers(**load_text(""), **policy).empty());
}

TEST_CASE("what makes no sense of a question is refused, with its place") {
  CHECK(wrong("stage = \"soon\"") == Lines{"policy.toml:2:9: rule.stage must be \"before-resolving\", "
                                           "\"after-resolving\" or \"link\", not \"soon\""});
  CHECK(wrong("stage = \"before-resolving\"\nport = 443") ==
        Lines{"policy.toml:3:8: rule.port is not known before-resolving"});
  CHECK(wrong("stage = \"before-resolving\"\nscope = \"lan\"") ==
        Lines{"policy.toml:3:9: rule.scope is not known before-resolving"});
  CHECK(wrong("stage = \"after-resolving\"\nscope = \"lan\"").empty());
  CHECK(wrong("stage = \"before-resolving\"\ndirection = \"inbound\"") ==
        Lines{"policy.toml:3:13: questions for names are outbound"});
  CHECK(wrong("stage = \"before-resolving\"", "reroute-tunnel") ==
        Lines{"policy.toml:3:11: a question for a name cannot be rerouted"});
  CHECK(wrong("query_type = \"AAAAA\"") == Lines{"policy.toml:2:14: rule.query_type must be a type of DNS "
                                                 "records, like \"A\", \"AAAA\", \"HTTPS\" or a "
                                                 "number from 1 to 65535, not \"AAAAA\""});
  CHECK(wrong("query_type = 0").size() == 1);
  CHECK(wrong("query_type = \"A\"\nstage = \"link\"") ==
        Lines{"policy.toml:3:9: rule.query_type is of questions, and the stage link of flows"});
  CHECK(wrong("query_type = \"A\"", "block", {true, true, true, true, false}) ==
        Lines{"policy.toml:1:1: a rule for questions needs [nameserver] enabled = true in tollgate.toml"});
}

}  // namespace
}  // namespace tollgate
