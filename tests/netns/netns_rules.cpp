// SPDX-License-Identifier: GPL-2.0-or-later
// Rules that are added and removed while connections live, and rules that expire.
#include <sys/stat.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>

#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr int kRefused = 1, kUsage = 2, kNotPermitted = 4;

Finished rule_command(const Scene& scene, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "rule");
  return scene.daemon.tollgate(std::move(arguments));
}

std::string said(const Finished& finished) {
  INFO(finished.errors);
  REQUIRE(finished.status == 0);
  return finished.output;
}

std::vector<RuleEntry> listed(const Scene& scene) {
  std::vector<RuleEntry> rules;
  const boost::json::value all = boost::json::parse(said(rule_command(scene, {"list", "--json"})));
  for (const auto& one : all.as_array()) rules.push_back(*rule_from_json(one));
  return rules;
}

std::vector<std::string> names(const Scene& scene) {
  std::vector<std::string> names;
  for (const RuleEntry& rule : listed(scene)) names.push_back(rule.name);
  return names;
}

// What became of a connection that somebody cut, once its end is known here.
int fate(const Socket& tcp) {
  int error = 0;
  wait_until("the end of the connection", [&] { return (error = exchange(tcp, Transport::tcp)) != 0; });
  return error;
}

bool was_cut(int error) { return error == ECONNABORTED || error == ECONNRESET || error == EPIPE; }

TEST_CASE("a rule that is added cuts what lives and refuses what comes; removed, all is as before") {
  const Scene scene{{accepting_defaults() + rule("of the file", "permanent-accept", "port = 9")}};
  for (const bool v4 : {true, false}) {
    const std::string address = v4 ? kPeer.v4 : kPeer.v6;
    INFO(address);
    const Way out = outbound(scene, address), other = outbound(scene, v4 ? kOther.v4 : kOther.v6);
    const Socket cut = out.open(Transport::tcp), neighbour = other.open(Transport::tcp);
    REQUIRE(exchange(cut, Transport::tcp) == 0);
    const std::string told = said(rule_command(scene, {"add", "name=not there", "direction=outbound",
                                                       "destination=" + address, "verdict=permanent-block"}));
    CHECK(told == "rule \"not there\" is in force: policy " +
                      std::to_string(scene.daemon.status().policy.generation) + ", 2 rules\n");
    CHECK(was_cut(fate(cut)));
    CHECK(out.talk(Transport::tcp) != 0);
    CHECK(exchange(neighbour, Transport::tcp) == 0);
    const auto rules = listed(scene);
    REQUIRE(rules.size() == 2);
    CHECK(rules[0].name == "not there");
    CHECK(rules[0].origin == "added");
    CHECK(rules[0].hits.value_or(0) >= 2);
    CHECK(rules[1].origin == "file");
    CHECK(scene.daemon.log().find("(rule)") != std::string::npos);
    said(rule_command(scene, {"remove", "not there"}));
    CHECK(out.talk(Transport::tcp) == 0);
    CHECK(exchange(neighbour, Transport::tcp) == 0);
    CHECK(names(scene) == std::vector<std::string>{"of the file"});
  }
}

TEST_CASE("added rules survive a reload, a restart and a crash, the latest first") {
  Scene scene{{accepting_defaults()}};
  const Way out = outbound(scene, kPeer.v4);
  said(rule_command(scene, {"add", "destination=" + kPeer.v4, "verdict=permanent-accept"}));
  said(rule_command(scene, {"add", "destination=" + kPeer.v4, "port=" + std::to_string(kPort), "port=9",
                            "verdict=permanent-block"}));
  const std::vector<std::string> both{"added-2", "added-1"};
  CHECK(names(scene) == both);
  CHECK(out.talk(Transport::tcp) != 0);
  scene.daemon.hang_up();
  CHECK(names(scene) == both);
  REQUIRE(scene.daemon.stop().status == 0);
  scene.daemon.start();
  CHECK(names(scene) == both);
  CHECK(out.talk(Transport::tcp) != 0);
  scene.daemon.kill();
  scene.daemon.start();
  CHECK(names(scene) == both);
  CHECK(out.talk(Transport::tcp) != 0);
  said(rule_command(scene, {"remove", "added-2"}));
  scene.daemon.kill();
  scene.daemon.start();
  CHECK(names(scene) == std::vector<std::string>{"added-1"});
  CHECK(out.talk(Transport::tcp) == 0);
}

TEST_CASE("a rule for a while: it ends by itself, and what it refused goes on") {
  const Scene scene{{peer_has("permanent-block")}};
  const Way out = outbound(scene, kPeer.v6);
  REQUIRE(out.talk(Transport::tcp) != 0);
  said(rule_command(
      scene, {"add", "name=for now", "--for", "3s", "destination=" + kPeer.v6, "verdict=permanent-accept"}));
  CHECK(listed(scene)[0].expires);
  const Socket stream = out.open(Transport::tcp);
  REQUIRE(exchange(stream, Transport::tcp) == 0);
  CHECK(was_cut(fate(stream)));
  wait_until("its end", [&] { return listed(scene).size() == 1; });
  CHECK(out.talk(Transport::tcp) != 0);
  CHECK(scene.daemon.log().find("(expired)") != std::string::npos);
  CHECK(scene.daemon.log().find("the time of a rule is over: policy generation 3: 1 rule") !=
        std::string::npos);
}

TEST_CASE("a rule that is none is refused with its field, and nothing changes") {
  const Scene scene{{accepting_defaults() + rule("of the file", "permanent-accept", "port = 9")}};
  struct Case {
    std::vector<std::string> arguments;
    int status;
    std::string error;  // that it begins with
  };
  for (const Case& one : std::vector<Case>{
           {{"add", "verdict=allow"}, kRefused, "rule.verdict must be "},
           {{"add", "port=tcp/70000", "verdict=drop"}, kRefused, "rule.port"},
           {{"add", "colour=red", "verdict=drop"}, kRefused, "unknown key \"colour\" in rule"},
           {{"add", "source=@nobody", "verdict=drop"}, kRefused, "rule.source"},
           {{"add", "port=80"}, kRefused, "the rule has no verdict"},
           {{"add", "name=of the file", "verdict=drop"},
            kRefused,
            "the rule name \"of the file\" is already"},
           {{"add", "--for", "soon", "verdict=drop"}, kUsage, "tollgate: --for: \"soon\" is not a time"},
           {{"add", "verdict"}, kUsage, "tollgate: \"verdict\" is not KEY=VALUE"},
           {{"add", "verdict=drop", "expires=tomorrow"}, kRefused, "tollgate: rule.expires: not a string"},
           {{"remove", "of the file"}, kRefused, "rule \"of the file\" was not added at run time"},
           {{"remove", "nothing"}, kRefused, "there is no rule \"nothing\""},
       }) {
    const Finished finished = rule_command(scene, one.arguments);
    INFO(finished.errors);
    CHECK(finished.status == one.status);
    CHECK(finished.errors.find(one.error) == 0);
  }
  CHECK(scene.daemon.status().policy.generation == 1);
  CHECK(names(scene) == std::vector<std::string>{"of the file"});
}

TEST_CASE("a daemon whose added rules do not go with its policy does not start, and says where") {
  Scene scene{{"[list.l]\nentries = \"10.0.0.1\"\n" + accepting_defaults()}};
  said(rule_command(scene, {"add", "name=a", "destination=@l", "verdict=permanent-block"}));
  REQUIRE(scene.daemon.stop().status == 0);
  scene.daemon.write_policy(accepting_defaults());
  const Finished refused = scene.daemon.start_refused();
  CHECK(refused.status == 78);
  CHECK(refused.errors.find("/state/rules.toml:") != std::string::npos);
  CHECK(refused.errors.find("\"l\"") != std::string::npos);
}

TEST_CASE("who may not change things may not add rules") {
  const Scene scene{{accepting_defaults()}};
  SpawnOptions nobody;
  nobody.uid = 65534;
  CHECK(scene.daemon.tollgate({"rule", "add", "verdict=drop"}, nobody).status == kNotPermitted);
  CHECK(scene.daemon.tollgate({"rule", "list"}, nobody).status == kNotPermitted);
  CHECK(scene.daemon.tollgate({"rule", "remove", "a"}, nobody).status == kNotPermitted);
}

}  // namespace
