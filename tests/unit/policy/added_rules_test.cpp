// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/policy/added_rules.hpp"

#include "catch.hpp"
#include "memory_sources.hpp"

namespace tollgate {
namespace {

using namespace std::chrono_literals;

const PolicyFeatures kAll{true, true, true, true};

Time at(Duration since_epoch) { return Time{since_epoch}; }

AddedRule rule(const std::string& text) {
  const auto parsed = AddedRule::parse({"", text});
  REQUIRE(parsed.ok());
  return *parsed;
}

std::string refused(const Result<PolicyPointer, Diagnostics>& policy) {
  return policy.ok() ? "" : policy.error().at(0).to_string();
}

Evidence web() {
  Evidence seen;
  seen.tuple.protocol = Protocol::tcp;
  seen.tuple.destination_port = 80;
  return seen;
}

std::string decides(const Policy& policy) {
  const FirstMatch match = policy.match(web());
  return match.match == Match::yes ? policy.rules()[match.rule].name : "";
}

TEST_CASE("added rules: text is written as it was read, the latest first") {
  AddedRules added;
  CHECK(added.to_text().empty());
  added.add(rule("name = \"old\"\nverdict = \"drop\"\nport = [80, \"tcp/443\"]\n"));
  added.add(rule("verdict = 'block'\nname = \"it's \\\"new\\\"\"\n"));
  const auto again = AddedRules::parse({"rules.toml", added.to_text()});
  REQUIRE(again.ok());
  REQUIRE(again->all().size() == 2);
  CHECK(again->all()[0].name == "it's \"new\"");
  CHECK(again->all()[1].fields == "port = [ 80, 'tcp/443' ]\nverdict = 'drop'\n");
  CHECK(again->to_text() == added.to_text());
}

TEST_CASE("added rules: expiry is a field like any other, to the second") {
  AddedRule one = rule("name = 'a'\nverdict = 'drop'\n");
  one.expire_at(at(1h + 999ms));
  CHECK(one.expires == at(3601s));
  AddedRules added;
  added.add(one);
  CHECK(added.to_text().find("expires = 1970-01-01T01:00:01Z\n") != std::string::npos);
  CHECK(AddedRules::parse({"f", added.to_text()})->all()[0].expires == at(3601s));
  CHECK(rule("expires = 1970-01-01T02:00:00.5+01:00\n").expires == at(1h + 500ms));
  CHECK(added.drop_expired(at(3600s)) == 0);
  CHECK(added.drop_expired(at(3601s)) == 1);
  CHECK(added.all().empty());
}

TEST_CASE("added rules: what is no such text is refused, with its place") {
  const auto said = [](const std::string& text) {
    const auto parsed = AddedRules::parse({"rules.toml", text});
    return parsed.ok() ? "" : parsed.error().at(0).to_string();
  };
  CHECK(said("[default]\n") == "rules.toml:1:2: unknown key \"default\"");
  CHECK(said("[[rule]]\nverdict = \"drop\"\n") == "rules.toml:1:1: the rule has no name");
  CHECK(said("[[rule]]\nname = 7\n") == "rules.toml:2:8: rule.name must be a string, not 7");
  CHECK(said("rule = 7\n") == "rules.toml:1:8: rule must be [[rule]], an array of tables, not 7");
  CHECK(said("[[rule\n").starts_with("rules.toml:1:"));
  CHECK(said("[[rule]]\nname = 'a'\nport.a = 7\n") ==
        "rules.toml:3:1: rule.port must not be a table, or have one");
  CHECK(said("[[rule]]\nname = 'a'\nport = [[{}]]\n").ends_with("must not be a table, or have one"));
  CHECK_FALSE(AddedRule::parse({"", "name = \n"}).ok());
  CHECK_FALSE(AddedRule::parse({"", "expires = 7\n"}).ok());
}

TEST_CASE("added rules: a name that nobody has") {
  AddedRules added;
  const auto policy = load_text("[[rule]]\nname = \"added-2\"\nverdict = \"drop\"\n");
  REQUIRE(policy.ok());
  CHECK(added.free_name(**policy) == "added-1");
  added.add(rule("name = 'added-1'\nverdict = 'drop'\n"));
  CHECK(added.free_name(**policy) == "added-3");
  CHECK(added.has("added-1"));
  CHECK(added.remove("added-1"));
  CHECK_FALSE(added.remove("added-1"));
}

TEST_CASE("a policy with added rules: they come first, and speak of the files' lists") {
  MemorySources sources;
  sources.files["p.toml"] =
      "[list.l]\nentries = \"10.0.0.0/8\"\n[[rule]]\nname = \"file\"\nport = 80\nverdict = \"drop\"\n";
  const auto files = load_policy("p.toml", kAll, sources);
  REQUIRE(files.ok());
  sources.files.clear();  // nothing is read any more
  const std::string text = "[[rule]]\nname = \"mine\"\nsource = \"@l\"\nverdict = \"accept\"\n";
  const auto with = (*files)->with_added({"added.toml", text}, kAll, sources);
  REQUIRE(with.ok());
  REQUIRE((*with)->rules().size() == 2);
  CHECK((*with)->rules()[0].added);
  CHECK((*with)->rules()[0].file == "added.toml");
  CHECK_FALSE((*with)->rules()[1].added);
  CHECK(decides(**with) == "file");  // 0.0.0.0 is not in the list
  Evidence seen = web();
  seen.tuple.source = IpAddress::parse("10.1.2.3")->bytes();
  CHECK((*with)->rules()[(*with)->match(seen).rule].name == "mine");
  CHECK((*(*with)->with_added({}, kAll, sources))->rules().size() == 1);

  CHECK(refused((*files)->with_added({"a", "[[rule]]\nsource = \"@m\"\nverdict = \"drop\"\n"}, kAll, sources))
            .starts_with("a:2:10: "));
  CHECK(refused(
            (*files)->with_added({"a", "[[rule]]\nname = \"file\"\nverdict = \"drop\"\n"}, kAll, sources)) ==
        "a:2:8: the rule name \"file\" is already used at p.toml:4:8");
  CHECK(refused((*files)->with_added({"a", "[list.x]\nentries = \"10.0.0.1\"\n"}, kAll, sources))
            .starts_with("a:1:"));
  CHECK(refused((*files)->with_added({"a", "[[rule]]\nverdict = \"reroute-tunnel\"\n"}, {}, sources)) ==
        "a:2:11: reroute-tunnel needs [tunnel] in tollgate.toml");
}

TEST_CASE("rules expire: from that time on they are none, of files and added ones alike") {
  MemorySources sources;
  sources.files["p.toml"] =
      "[[rule]]\nname = \"short\"\nexpires = 1970-01-01T00:00:10Z\nverdict = \"drop\"\n"
      "[[rule]]\nname = \"long\"\nexpires = 1970-01-01T00:01:00Z\nverdict = \"drop\"\n";
  const PolicyText added{"a",
                         "[[rule]]\nname = \"first\"\nexpires = 1970-01-01T00:00:05Z\nverdict = \"drop\"\n"};
  sources.clock = at(1s);
  const auto policy = load_policy("p.toml", {}, sources, added);
  REQUIRE(policy.ok());
  CHECK((*policy)->next_expiry() == at(5s));
  CHECK(decides(**policy) == "first");
  sources.clock = at(5s);
  const auto after_five = *(*policy)->with_added(added, {}, sources);
  CHECK(after_five->next_expiry() == at(10s));
  CHECK(decides(*after_five) == "short");
  sources.clock = at(10s);
  const auto after_ten = *after_five->with_added(added, {}, sources);
  CHECK(decides(*after_ten) == "long");
  sources.clock = at(1h);
  const auto last = *after_ten->with_added(added, {}, sources);
  CHECK(last->rules().empty());
  CHECK_FALSE(last->next_expiry());
  // Its layers are touched only by what decides otherwise.
  CHECK(touched_layers(*last, *last).empty());
  CHECK(touched_layers(*last, *after_ten).contains(Direction::inbound, Family::ipv6));
}

TEST_CASE("when a rule expires does not touch the flows that it decides") {
  const auto with = [](const std::string& expires) {
    return *load_text("[[rule]]\nname = \"a\"\n" + expires + "verdict = \"drop\"\n");
  };
  CHECK(touched_layers(*with(""), *with("expires = 2030-01-01T00:00:00Z\n")).empty());
}

}  // namespace
}  // namespace tollgate
