// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/live_policy.hpp"

#include <algorithm>
#include <filesystem>
#include <thread>

#include "catch.hpp"
#include "daemon/aside.hpp"
#include "linux/state_file.hpp"
#include "linux/system_sources.hpp"
#include "temporary_folder.hpp"

namespace tollgate {
namespace {

using namespace std::chrono_literals;

const std::string kFiles = "[[rule]]\nname = \"file\"\nport = 80\nverdict = \"drop\"\n";

struct Rig {
  test::TemporaryFolder folder;
  boost::asio::io_context loop;
  std::vector<LivePolicy::Swap> swaps;
  std::optional<LivePolicy> live;

  explicit Rig(AddedRules added = {}, const std::string& files = kFiles) {
    folder.write("policy.toml", files);
    folder.write("tollgate.toml", "policy = \"policy.toml\"\nstate = \"state\"\n");
    const auto config = load_config(folder.path() + "/tollgate.toml");
    SystemSources sources;
    const auto policy = load_policy(config->policy, {}, sources, {state_file(), added.to_text()});
    if (!policy) throw std::runtime_error{policy.error().at(0).to_string()};
    live.emplace(loop, folder.path() + "/tollgate.toml", *config, *policy, std::move(added),
                 [this](const LivePolicy::Swap& swap) { swaps.push_back(swap); });
  }
  std::string state_file() const { return added_rules_file(folder.path() + "/state"); }
  std::string on_disk() const { return folder.read("state/rules.toml"); }
  // Until it holds; the loop goes on for as long as anything is to come.
  template <class Condition>
  bool until(const Condition& holds) {
    const auto patience = std::chrono::steady_clock::now() + 30s;
    while (!holds() && std::chrono::steady_clock::now() < patience) {
      loop.restart();
      loop.run_for(10ms);
    }
    return holds();
  }
  std::string add(const std::string& fields) {
    std::optional<std::string> said;
    live->add(*AddedRule::parse({"", fields}), [&](const Result<std::string, Diagnostics>& name) {
      said = name ? *name : "refused: " + name.error().at(0).to_string();
    });
    until([&] { return said.has_value(); });
    return said.value_or("nothing");
  }
  std::string said(const std::function<void(LivePolicy::Done)>& ask) {
    std::optional<std::string> said;
    ask([&](const Diagnostics& why) { said = why.empty() ? "" : why[0].to_string(); });
    until([&] { return said.has_value(); });
    return said.value_or("nothing");
  }
  std::string remove(const std::string& name) {
    return said([&](LivePolicy::Done done) { live->remove(name, std::move(done)); });
  }
  std::string reload() {
    return said([&](LivePolicy::Done done) { live->reload(std::move(done)); });
  }
  std::vector<std::string> rules() const {
    std::vector<std::string> names;
    for (const Rule& rule : swaps.back().replaced.policy->rules()) names.push_back(rule.name);
    return names;
  }
};

using Names = std::vector<std::string>;

TEST_CASE("a rule is added: in force before the others, on disk, with a name and what it touches") {
  Rig rig;
  CHECK(rig.add("direction = 'inbound'\nverdict = 'drop'\n") == "added-1");
  REQUIRE(rig.swaps.size() == 1);
  CHECK(rig.rules() == Names{"added-1", "file"});
  CHECK(rig.swaps[0].replaced.cause == Cause::rule);
  CHECK(rig.swaps[0].what == "rule \"added-1\" added");
  REQUIRE(rig.swaps[0].replaced.touched);
  CHECK(rig.swaps[0].replaced.touched->contains(Direction::inbound, Family::ipv4));
  CHECK_FALSE(rig.swaps[0].replaced.touched->contains(Direction::outbound, Family::ipv4));
  CHECK(rig.add("name = 'mine'\nverdict = 'drop'\n") == "mine");
  CHECK(rig.rules() == Names{"mine", "added-1", "file"});
  const auto kept = read_added_rules(rig.state_file());
  REQUIRE(kept.ok());
  CHECK(kept->to_text() == rig.live->added().to_text());
  CHECK(kept->all().size() == 2);
}

TEST_CASE("what is wrong with a rule is said by its field, and nothing changes") {
  Rig rig;
  CHECK(rig.add("verdict = 'allow'\n").starts_with("refused: rule.verdict must be "));
  CHECK(rig.add("port = 70000\nverdict = 'drop'\n").starts_with("refused: rule.port "));
  CHECK(rig.add("port = 80\n") == "refused: the rule has no verdict");
  CHECK(rig.add("colour = 1\nverdict = 'drop'\n").starts_with("refused: unknown key \"colour\" in rule"));
  CHECK(rig.add("name = 'file'\nverdict = 'drop'\n") ==
        "refused: the rule name \"file\" is already used at " + rig.folder.path() + "/policy.toml:2:8");
  CHECK(rig.add("expires = 1990-01-01T00:00:00Z\nverdict = 'drop'\n") ==
        "refused: rule.expires is in the past");
  CHECK(rig.swaps.empty());
  CHECK_FALSE(std::filesystem::exists(rig.state_file()));
  CHECK(rig.add("name = 'a'\nverdict = 'drop'\n") == "a");
  CHECK(rig.add("name = 'a'\nverdict = 'drop'\n") ==
        "refused: rule.name \"a\" is that of another added rule");
}

TEST_CASE("a rule is removed, if it was added") {
  Rig rig;
  rig.add("name = 'a'\nverdict = 'drop'\n");
  CHECK(rig.remove("file") ==
        "rule \"file\" was not added at run time: it is that of " + rig.folder.path() + "/policy.toml:1");
  CHECK(rig.remove("b") == "there is no rule \"b\"");
  CHECK(rig.swaps.size() == 1);
  CHECK(rig.remove("a").empty());
  CHECK(rig.rules() == Names{"file"});
  CHECK(rig.swaps.back().replaced.cause == Cause::rule);
  CHECK(rig.on_disk().empty());
}

TEST_CASE("a reload keeps added rules; files that do not go with them are refused") {
  Rig rig;
  rig.add("name = 'a'\nverdict = 'drop'\n");
  rig.folder.write("policy.toml", "[[rule]]\nname = \"other\"\nverdict = \"drop\"\n");
  CHECK(rig.reload().empty());
  CHECK(rig.rules() == Names{"a", "other"});
  CHECK(rig.swaps.back().replaced.cause == Cause::policy);
  CHECK(rig.swaps.back().lists);
  rig.folder.write("policy.toml", "[[rule]]\nname = \"a\"\nverdict = \"drop\"\n");
  CHECK(rig.reload().find(rig.state_file() + ":") == 0);
  // Half a file on disk is nothing that adding and removing would stumble over.
  rig.folder.write("policy.toml", "[[rule");
  CHECK(rig.remove("a").empty());
  CHECK(rig.rules() == Names{"other"});
}

TEST_CASE("what cannot be kept is refused") {
  Rig rig;
  rig.folder.write("state", "a file where the folder should be");
  CHECK(rig.add("verdict = 'drop'\n").starts_with("refused: " + rig.state_file() + ".new: cannot be opened"));
  CHECK(rig.swaps.empty());
  CHECK(rig.live->added().all().empty());
}

TEST_CASE("a rule expires: it is none any more, neither in force nor on disk") {
  AddedRules added;
  AddedRule rule = *AddedRule::parse({"", "name = 'short'\nverdict = 'drop'\n"});
  rule.expire_at(SystemSources{}.now() + 1s);
  added.add(rule);
  added.add(*AddedRule::parse({"", "name = 'stays'\nverdict = 'drop'\n"}));
  Rig rig{added};
  REQUIRE(rig.until([&] { return !rig.swaps.empty(); }));
  CHECK(rig.rules() == Names{"stays", "file"});
  CHECK(rig.swaps.back().replaced.cause == Cause::expired);
  CHECK(SystemSources{}.now() >= *rule.expires);
  CHECK(rig.on_disk().find("short") == std::string::npos);
  CHECK(rig.on_disk().find("stays") != std::string::npos);
}

TEST_CASE("changes that are asked for at once are made one after the other; readings that wait are one") {
  Rig rig;
  int done = 0;
  const auto count = [&](const Diagnostics& why) { done += why.empty() ? 1 : 100; };
  for (int i = 0; i < 3; ++i) {
    rig.live->add(*AddedRule::parse({"", "verdict = 'drop'\n"}),
                  [&](const auto& name) { done += name ? 1 : 100; });
  }
  for (int i = 0; i < 5; ++i) rig.live->reload(count);
  rig.live->remove("added-2", count);
  REQUIRE(rig.until([&] { return done == 9; }));
  CHECK(rig.rules() == Names{"added-3", "added-1", "file"});
  CHECK(rig.swaps.size() == 5);  // three rules, one reading, one rule
}

TEST_CASE("aside: pieces of work are done in their order, and what is done is told on the loop") {
  boost::asio::io_context loop;
  std::vector<int> told;
  const auto here = std::this_thread::get_id();
  bool elsewhere = true, on_the_loop = true;
  {
    Aside aside{loop};
    for (int i = 0; i < 3; ++i) {
      aside.run([&] { elsewhere = elsewhere && std::this_thread::get_id() != here; },
                [&, i] {
                  on_the_loop = on_the_loop && std::this_thread::get_id() == here;
                  told.push_back(i);
                });
    }
    const auto patience = std::chrono::steady_clock::now() + 30s;
    while (told.size() < 3 && std::chrono::steady_clock::now() < patience) {
      loop.restart();
      loop.run_for(10ms);
    }
    aside.run([] {}, [&] { told.push_back(99); });
  }
  // It is gone: nobody is told any more.
  loop.restart();
  loop.poll();
  CHECK(told == std::vector<int>{0, 1, 2});
  CHECK(elsewhere);
  CHECK(on_the_loop);
}

}  // namespace
}  // namespace tollgate
