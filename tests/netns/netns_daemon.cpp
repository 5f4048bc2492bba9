// SPDX-License-Identifier: GPL-2.0-or-later
// The daemon's life: started, stopped, killed, started again, told to reload, while connections live.
#include <csignal>

#include "rules_dump.hpp"
#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr std::size_t kSize = 256 * 1024;

// A stream that a test goes on talking over.
bool goes_on(const Socket& stream) { return exchange(stream, Transport::tcp, kSize) == 0; }

TEST_CASE("a connection goes on while the daemon is stopped and started again") {
  for (const std::string verdict : {"permanent-accept", "accept"}) {
    INFO(verdict);
    Scene scene{{peer_has(verdict)}};
    std::vector<Socket> streams;
    for (const Way& way : ways(scene, kPeer)) streams.push_back(way.open(Transport::tcp));
    for (const Socket& stream : streams) REQUIRE(goes_on(stream));
    REQUIRE(scene.daemon.stop().status == 0);
    for (const Socket& stream : streams) REQUIRE(goes_on(stream));
    scene.daemon.start();
    for (const Socket& stream : streams) REQUIRE(goes_on(stream));
    REQUIRE(scene.daemon.flows().size() == streams.size());
    if (verdict == "accept") continue;
    REQUIRE(scene.daemon.received() == 0);
    for (const FlowEntry& flow : scene.daemon.flows()) {
      REQUIRE(flow.adopted);
      REQUIRE(flow.verdict == "permanent-accept");
    }
  }
}

TEST_CASE("a connection that is older than the daemon is asked about and goes on") {
  Scene scene{{accepting_defaults()}, DaemonUnderTest::Start::later};
  std::vector<Socket> streams;
  for (const Way& way : ways(scene, kPeer)) streams.push_back(way.open(Transport::tcp));
  scene.daemon.start();
  for (const Socket& stream : streams) REQUIRE(goes_on(stream));
  // Whoever speaks first may be asked about; after that the kernel carries them.
  const std::uint64_t asked = asked_during(scene.daemon, [&] {
    for (const Socket& stream : streams) REQUIRE(goes_on(stream));
  });
  REQUIRE(asked == 0);
}

TEST_CASE("killed, fail closed: what lives goes on, what is new waits for the next daemon") {
  Scene scene{{accepting_defaults(), "fail = \"closed\"\n"}};
  std::vector<Socket> streams;
  for (const Way& way : ways(scene, kPeer)) streams.push_back(way.open(Transport::tcp));
  scene.daemon.kill();
  for (const Way& way : ways(scene, kPeer)) {
    INFO(way.name());
    const Socket late = way.begin(Transport::tcp);
    for (const Socket& stream : streams) REQUIRE(goes_on(stream));
    REQUIRE(nothing_came(late, Transport::tcp));
    scene.daemon.start();
    REQUIRE(finish_connect(late) == 0);  // by a retransmission
    REQUIRE(goes_on(late));
    scene.daemon.kill();
  }
  scene.daemon.start();
  for (const Socket& stream : streams) REQUIRE(goes_on(stream));
  REQUIRE(scene.daemon.received() == 0);
}

TEST_CASE("killed, fail open: what lives goes on, what is new passes") {
  Scene scene{{accepting_defaults(), "fail = \"open\"\n"}};
  std::vector<Socket> streams;
  for (const Way& way : ways(scene, kPeer)) streams.push_back(way.open(Transport::tcp));
  scene.daemon.kill();
  for (const Way& way : ways(scene, kPeer)) {
    INFO(way.name());
    for (const Transport transport : kTransports) REQUIRE(way.talk(transport) == 0);
    streams.push_back(way.open(Transport::tcp));
  }
  for (const Socket& stream : streams) REQUIRE(goes_on(stream));
  scene.daemon.start();
  for (const Socket& stream : streams) REQUIRE(goes_on(stream));
  for (const Way& way : ways(scene, kPeer)) {
    const std::uint64_t asked = asked_during(scene.daemon, [&] { REQUIRE(way.talk(Transport::tcp) == 0); });
    REQUIRE(asked == 1);
  }
}

TEST_CASE("what was blocked stays blocked over a restart") {
  Scene scene{{peer_has("permanent-block")}};
  const Way way = outbound(scene, kPeer.v4);
  REQUIRE(way.talk(Transport::tcp) == ECONNREFUSED);
  scene.daemon.kill();
  scene.daemon.start();
  REQUIRE(way.talk(Transport::tcp) == ECONNREFUSED);
  REQUIRE(scene.daemon.stop().status == 0);
  REQUIRE(way.talk(Transport::tcp) == 0);
}

TEST_CASE("SIGTERM takes the rules away, and nothing of others'") {
  Topology net;
  const std::string before = in(net.host, [] { return others_rules(); });
  DaemonUnderTest daemon{net.host, {accepting_defaults()}};
  REQUIRE(in(net.host, [] { return dump_rules(); }) != before);
  const Finished finished = daemon.stop();
  REQUIRE(finished.status == 0);
  REQUIRE(in(net.host, [] { return dump_rules(); }) == before);
}

TEST_CASE("a bad policy at start: no rules, exit 78, and every error with its place") {
  Topology net;
  const std::string before = in(net.host, [] { return dump_rules(); });
  DaemonUnderTest daemon{net.host,
                         {accepting_defaults() + "[[rule]]\nverdict = \"perhaps\"\n[[rule]]\nprot = \"tcp\"\n"
                                                 "verdict = \"accept\"\n"},
                         DaemonUnderTest::Start::later};
  const Finished finished = daemon.start_refused();
  REQUIRE(finished.status == 78);
  INFO(finished.errors);
  CHECK(finished.errors.find(daemon.policy_file() + ":5:11: ") != std::string::npos);
  CHECK(finished.errors.find(daemon.policy_file() + ":7:1: ") != std::string::npos);
  REQUIRE(in(net.host, [] { return dump_rules(); }) == before);
}

TEST_CASE("a bad configuration at start: no rules, exit 78, and where") {
  Topology net;
  const std::string before = in(net.host, [] { return dump_rules(); });
  DaemonUnderTest daemon{net.host, {accepting_defaults(), "nonsense = 1\n"}, DaemonUnderTest::Start::later};
  const Finished finished = daemon.start_refused();
  REQUIRE(finished.status == 78);
  INFO(finished.errors);
  CHECK(finished.errors.find(daemon.config_file() + ":6:1: ") != std::string::npos);
  REQUIRE(in(net.host, [] { return dump_rules(); }) == before);
}

TEST_CASE("a second daemon on the same queues is refused and does no harm to the first") {
  Scene scene{{accepting_defaults()}};
  DaemonUnderTest second{scene.net.host, {accepting_defaults()}, DaemonUnderTest::Start::later};
  const std::string rules = in(scene.net.host, [] { return dump_rules(); });
  REQUIRE(second.start_refused().status == 1);
  REQUIRE(in(scene.net.host, [] { return dump_rules(); }) == rules);
  REQUIRE(outbound(scene, kPeer.v4).talk(Transport::tcp) == 0);
}

TEST_CASE("SIGHUP and reload take a good policy and refuse a bad one whole") {
  Scene scene{{peer_has("permanent-accept")}};
  const Way way = outbound(scene, kPeer.v4);
  const auto generation = [&] { return scene.daemon.status().policy.generation; };
  const auto first = generation();
  REQUIRE(way.talk(Transport::tcp) == 0);

  scene.daemon.write_policy(peer_has("permanent-block"));
  scene.daemon.hang_up();
  REQUIRE(generation() == first + 1);
  REQUIRE(way.talk(Transport::tcp) == ECONNREFUSED);

  scene.daemon.write_policy(peer_has("permanently-open"));
  scene.daemon.hang_up();
  REQUIRE(generation() == first + 1);
  const Finished refused = scene.daemon.tollgate({"reload"});
  INFO(refused.output << refused.errors);
  REQUIRE(refused.status == 1);
  CHECK(refused.errors.find(scene.daemon.policy_file() + ":8:11: ") != std::string::npos);
  REQUIRE(generation() == first + 1);
  REQUIRE(way.talk(Transport::tcp) == ECONNREFUSED);

  scene.daemon.write_policy(peer_has("permanent-accept"));
  const Finished taken = scene.daemon.tollgate({"reload"});
  INFO(taken.output << taken.errors);
  REQUIRE(taken.status == 0);
  REQUIRE(generation() == first + 2);
  REQUIRE(way.talk(Transport::tcp) == 0);
}

TEST_CASE("loopback is exempt") {
  Scene scene{{"[default]\noutbound = \"permanent-block\"\ninbound = \"permanent-block\"\n"}};
  const EchoServer server{scene.net.host, {"127.0.0.1", "::1"}, kPort + 1};
  const Inside host{scene.net.host};
  for (const std::string address : {"127.0.0.1", "::1"}) {
    for (const Transport transport : kTransports) REQUIRE(talk(transport, {address, kPort + 1}) == 0);
  }
  // And so are the host's own addresses: those packets are on the loopback interface too.
  REQUIRE(talk(Transport::tcp, {kHost.v4, kPort}) == 0);
  REQUIRE(scene.daemon.received() == 0);
}

TEST_CASE("loopback = \"decide\": one decision serves both ends") {
  Scene scene{
      {accepting_defaults() + rule("not here", "permanent-block", "port = [\"tcp/7002\", \"udp/7002\"]"),
       "loopback = \"decide\"\n"}};
  const EchoServer open{scene.net.host, {"127.0.0.1", "::1"}, 7001};
  const EchoServer shut{scene.net.host, {"127.0.0.1", "::1"}, 7002};
  const Inside host{scene.net.host};
  for (const std::string address : {"127.0.0.1", "::1"}) {
    INFO(address);
    REQUIRE(talk(Transport::tcp, {address, 7002}) == ECONNREFUSED);
    REQUIRE(talk(Transport::udp, {address, 7002}) == (address == "::1" ? EACCES : EHOSTUNREACH));
    for (const Transport transport : {Transport::tcp, Transport::udp}) {
      const std::uint64_t asked = asked_during(scene.daemon, [&] {
        REQUIRE(talk(transport, {address, 7001}) == 0);
      });
      REQUIRE(asked == 1);
    }
  }
  REQUIRE(shut.accepted() == 0);
}

TEST_CASE("without rules of its own the daemon touches none") {
  Topology net;
  const std::string before = in(net.host, [] { return others_rules(); });
  DaemonUnderTest daemon{net.host, {accepting_defaults(), "ruleset = \"none\"\n"}};
  REQUIRE(daemon.status().backend == "none");
  REQUIRE(in(net.host, [] { return dump_rules(); }) == before);
  REQUIRE(daemon.stop().status == 0);
  REQUIRE(in(net.host, [] { return dump_rules(); }) == before);
}

}  // namespace
