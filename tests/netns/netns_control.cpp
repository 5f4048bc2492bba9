// SPDX-License-Identifier: GPL-2.0-or-later
// The command line and the control socket, against a running daemon: what they say, to whom.
#include <boost/json.hpp>

#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr unsigned kNobody = 65534;
constexpr int kRefused = 1, kUsage = 2, kUnreachable = 3, kNotPermitted = 4;

boost::json::value json_of(const Finished& finished) {
  INFO(finished.errors);
  REQUIRE(finished.status == 0);
  return boost::json::parse(finished.output);
}

TEST_CASE("status, as text and as JSON with every promised member") {
  const Scene scene{{peer_has("permanent-block")}};
  REQUIRE(outbound(scene, kPeer.v4).talk(Transport::tcp) == ECONNREFUSED);
  const auto status = json_of(scene.daemon.tollgate({"status", "--json"})).as_object();
  for (const char* member : {"version", "uptime_seconds", "backend", "mark_path", "fail", "policy", "flows",
                             "queue", "malformed"}) {
    INFO(member);
    REQUIRE(status.contains(member));
  }
  for (const char* member : {"generation", "rules", "loaded"})
    REQUIRE(status.at("policy").as_object().contains(member));
  for (const char* member : {"active", "ended", "pending", "limit"}) {
    REQUIRE(status.at("flows").as_object().contains(member));
  }
  for (const char* member : {"received", "verdicts", "kernel_dropped", "user_dropped", "enobufs"}) {
    REQUIRE(status.at("queue").as_object().contains(member));
  }
  REQUIRE(status.at("queue").at("verdicts").at("permanent-block").to_number<int>() == 1);
  REQUIRE(status.at("policy").at("rules").to_number<int>() == 1);
  const Finished text = scene.daemon.tollgate({"status"});
  REQUIRE(text.status == 0);
  REQUIRE(text.output.find(std::string{status.at("backend").as_string()}) != std::string::npos);
}

TEST_CASE("flows, as text and as JSON with every promised member, and filtered") {
  const Scene scene{{peer_has("permanent-accept")}};
  for (const Way& way : ways(scene, kPeer)) REQUIRE(way.talk(Transport::tcp) == 0);
  const auto all = json_of(scene.daemon.tollgate({"flows", "--json"})).as_array();
  REQUIRE(all.size() == 4);
  for (const char* member :
       {"id", "protocol", "direction", "source", "source_port", "destination", "destination_port",
        "interface", "uid", "verdict", "rule", "stage", "state", "first_seen", "last_active", "generation"}) {
    INFO(member);
    for (const auto& flow : all) REQUIRE(flow.as_object().contains(member));
  }
  const auto count = [&](const std::vector<std::string>& options) {
    std::vector<std::string> command{"flows", "--json"};
    command.insert(command.end(), options.begin(), options.end());
    return json_of(scene.daemon.tollgate(command)).as_array().size();
  };
  CHECK(count({"--direction", "outbound"}) == 2);
  CHECK(count({"--address", kPeer.v6}) == 2);
  CHECK(count({"--address", "10.77.0.0/24"}) == 2);
  CHECK(count({"--protocol", "udp"}) == 0);
  CHECK(count({"--port", "7000", "--verdict", "permanent-accept"}) == 4);
  CHECK(count({"--user", "root", "--direction", "outbound"}) == 2);
  const Finished text = scene.daemon.tollgate({"flows"});
  REQUIRE(text.status == 0);
  REQUIRE(text.output.find(kPeer.v4) != std::string::npos);
}

TEST_CASE("flows --watch goes on with every change") {
  TOLLGATE_NEEDS("conntrack");
  Scene scene{{accepting_defaults()}};
  Process watcher = in(scene.net.host, [&] {
    return Process{
        {our_program("tollgate"), "--socket", scene.daemon.socket_path(), "flows", "--watch", "--json"}};
  });
  // When the watching has begun is not to be seen from outside; so there is always one more flow.
  wait_until("the watcher's report", [&] {
    REQUIRE(watcher.running());
    REQUIRE(outbound(scene, kPeer.v4).talk(Transport::tcp) == 0);
    in(scene.net.host, [] { must_run({"conntrack", "-F"}); });
    const std::string seen = watcher.output();
    return seen.find("\"opened\"") != std::string::npos && seen.find("\"ended\"") != std::string::npos;
  });
}

TEST_CASE("explain names the rules that were tried, and the verdict that the packet gets too") {
  const Scene scene{{accepting_defaults() + rule("not this", "permanent-drop", "port = \"udp/53\"") +
                     rule("this", "permanent-block", "destination = \"" + kPeer.v4 + "\"") +
                     rule("too late", "permanent-accept", "protocol = \"tcp\"")}};
  const auto said = json_of(scene.daemon.tollgate({"explain", "--json", "--direction", "outbound", "--source",
                                                   kHost.v4, "--destination", kPeer.v4, "--port", "7000"}));
  REQUIRE(said.at("verdict").as_string() == "permanent-block");
  REQUIRE(said.at("rule").as_string() == "this");
  REQUIRE(said.at("tried").as_array().size() == 2);
  REQUIRE(outbound(scene, kPeer.v4).talk(Transport::tcp) == ECONNREFUSED);
  REQUIRE(scene.daemon.flow_to(kPort).rule == "this");
}

TEST_CASE("check finds what start would refuse, and says where") {
  const Scene scene{{accepting_defaults()}};
  REQUIRE(scene.daemon.tollgate({"check", scene.daemon.policy_folder()}).status == 0);
  REQUIRE(scene.daemon.tollgate({"check", "--config", scene.daemon.config_file()}).status == 0);
  scene.daemon.write_policy(peer_has("maybe") + rule("two", "accept", "color = \"red\""));
  const Finished finished = scene.daemon.tollgate({"check", scene.daemon.policy_folder()});
  REQUIRE(finished.status == kRefused);
  const std::string said = finished.output + finished.errors;
  INFO(said);
  CHECK(said.find(scene.daemon.policy_file() + ":8:11: ") != std::string::npos);
  CHECK(said.find(scene.daemon.policy_file() + ":12:1: ") != std::string::npos);
}

TEST_CASE("exit statuses tell scripts what was wrong") {
  Scene scene{{accepting_defaults()}};
  CHECK(scene.daemon.tollgate({"no-such-command"}).status == kUsage);
  CHECK(scene.daemon.tollgate({"flows", "--verdict", "perhaps"}).status != 0);
  CHECK(scene.daemon.tollgate({"check", "/nonexistent"}).status == kRefused);
  REQUIRE(scene.daemon.stop().status == 0);
  CHECK(scene.daemon.tollgate({"status"}).status == kUnreachable);
}

TEST_CASE("another user sees its own flows only, and may change nothing") {
  const Scene scene{{accepting_defaults()}};
  const Inside host{scene.net.host};
  REQUIRE(talk(Transport::tcp, {kPeer.v4, kPort}) == 0);
  Socket theirs;
  {
    const AsUser nobody{kNobody, kNobody};
    theirs = begin(Transport::tcp, {kPeer.v6, kPort});
  }
  REQUIRE(finish_connect(theirs) == 0);
  const SpawnOptions as_nobody{kNobody, kNobody, {}};

  const Finished listed = scene.daemon.tollgate({"flows", "--json"}, as_nobody);
  const auto flows = json_of(listed).as_array();
  REQUIRE(flows.size() == 1);
  REQUIRE(flows[0].at("uid").to_number<unsigned>() == kNobody);
  REQUIRE(json_of(scene.daemon.tollgate({"flows", "--json"})).as_array().size() == 2);

  const auto generation = scene.daemon.status().policy.generation;
  REQUIRE(scene.daemon.tollgate({"reload"}, as_nobody).status == kNotPermitted);
  REQUIRE(scene.daemon.tollgate({"status"}, as_nobody).status == kNotPermitted);
  REQUIRE(scene.daemon.status().policy.generation == generation);
}

TEST_CASE("nonsense on the control socket ends that connection and nothing else") {
  Scene scene{{accepting_defaults()}};
  for (const std::string method : {"io.tollgate.Nonsense", "org.example.Method"}) {
    auto client = scene.daemon.connect();
    INFO(method);
    REQUIRE(!client.call(method).at(0).error.empty());
  }
  for (const std::string method : {"", "x", "\xff"}) {
    auto client = scene.daemon.connect();
    INFO(method);
    const auto what_came = [&]() -> std::string {
      try {
        return client.call(method).at(0).error;
      } catch (const std::runtime_error& closed) {
        return closed.what();
      }
    };
    REQUIRE(!what_came().empty());
  }
  REQUIRE(scene.daemon.connect().call("org.varlink.service.GetInfo").at(0).error.empty());
  REQUIRE(scene.daemon.running());
}

}  // namespace
