// SPDX-License-Identifier: GPL-2.0-or-later
// Rules replaced, policies reloaded, daemons restarted, a hundred times in all under traffic; and the
// network changing under a daemon that runs.
#include <algorithm>
#include <cstdlib>

#include "meanwhile.hpp"
#include "rules_dump.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

// How often in all, the restarts in each of two ways. TOLLGATE_TURNS: where starting a program takes long.
int times(int usually) {
  const char* given = std::getenv("TOLLGATE_TURNS");
  return given != nullptr ? std::min(usually, std::atoi(given)) : usually;
}
const int kApplied = times(40), kReloaded = times(40), kRestarted = times(10);

// To the peer's first name the kernel carries what was accepted; to the other every packet is asked.
std::string both_kinds() {
  return accepting_defaults() +
         rule("every packet", "accept", "address = [\"" + kOther.v4 + "\", \"" + kOther.v6 + "\"]");
}

std::vector<Way> all_ways(const Scene& scene) {
  std::vector<Way> all = ways(scene, kPeer);
  const std::vector<Way> others = ways(scene, kOther);
  all.insert(all.end(), others.begin(), others.end());
  return all;
}

TEST_CASE("rules applied again and again under traffic") {
  Scene scene{{both_kinds()}};
  const std::string rules = in(scene.net.host, [] { return dump_rules(); });
  const std::string backend = scene.daemon.status().backend;
  Meanwhile traffic{all_ways(scene), Meanwhile::Datagrams::yes};
  for (int i = 0; i < kApplied; ++i) {
    INFO(i);
    const Finished applied = scene.daemon.tollgate(
        {"ruleset", "apply", "--config", scene.daemon.config_file(), "--backend", backend});
    INFO(applied.errors);
    REQUIRE(applied.status == 0);
    if (i % 10 == 0) traffic.once_more();
  }
  traffic.once_more();
  REQUIRE(traffic.stop() == "");
  REQUIRE(lost_packets(scene.daemon) == "");
  REQUIRE(in(scene.net.host, [] { return dump_rules(); }) == rules);
}

TEST_CASE("policies reloaded again and again under traffic") {
  Scene scene{{both_kinds()}};
  Meanwhile traffic{all_ways(scene), Meanwhile::Datagrams::yes};
  for (int i = 0; i < kReloaded; ++i) {
    scene.daemon.write_policy(both_kinds() + rule("number " + std::to_string(i), "permanent-block",
                                                  "port = \"tcp/" + std::to_string(8000 + i) + "\""));
    scene.daemon.hang_up();
    if (i % 10 == 0) traffic.once_more();
  }
  traffic.once_more();
  REQUIRE(traffic.stop() == "");
  REQUIRE(lost_packets(scene.daemon) == "");
  REQUIRE(scene.daemon.status().policy.generation == static_cast<std::uint64_t>(kReloaded) + 1);
  REQUIRE(outbound(scene, kPeer.v4).talk(Transport::tcp) == 0);
}

// With fail open nothing is lost over a restart, not even a datagram that nobody repeats.
void restart_under_traffic(const std::string& at_stop) {
  Scene scene{{both_kinds(), "fail = \"open\"\nat_stop = \"" + at_stop + "\"\n"}};
  Meanwhile traffic{all_ways(scene), Meanwhile::Datagrams::yes};
  for (int i = 0; i < kRestarted; ++i) {
    INFO(at_stop << " " << i);
    traffic.once_more();
    REQUIRE(lost_packets(scene.daemon) == "");
    REQUIRE(scene.daemon.stop().status == 0);
    scene.daemon.start();
  }
  traffic.once_more();
  REQUIRE(traffic.stop() == "");
  REQUIRE(lost_packets(scene.daemon) == "");
}

TEST_CASE("restarted again and again under traffic, the rules taken away each time") {
  restart_under_traffic("remove");
}

TEST_CASE("restarted again and again under traffic, the rules kept") { restart_under_traffic("keep"); }

TEST_CASE("fail closed, rules kept: what is new is late, and nothing breaks") {
  Scene scene{{both_kinds(), "fail = \"closed\"\nat_stop = \"keep\"\n"}};
  Meanwhile traffic{all_ways(scene), Meanwhile::Datagrams::no};
  for (int i = 0; i < 3; ++i) {
    traffic.once_more();
    REQUIRE(scene.daemon.stop().status == 0);
    scene.daemon.start();
  }
  traffic.once_more();
  REQUIRE(traffic.stop() == "");
}

TEST_CASE("IPv6 that appears later is filtered from its first packet") {
  Topology net;
  in(net.host, [] { write_setting("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1"); });
  DaemonUnderTest daemon{
      net.host,
      {accepting_defaults() + rule("not there", "permanent-block", "address = \"" + kPeer.v6 + "\"")}};
  const EchoServer on_peer{net.peer, kPeer.both(), kPort};
  const Inside host{net.host};
  REQUIRE(talk(Transport::tcp, {kPeer.v4, kPort}) == 0);
  write_setting("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0");
  must_run({"ip", "addr", "add", kHost.v6 + "/64", "dev", kHostLink, "nodad"});
  REQUIRE(talk(Transport::tcp, {kPeer.v6, kPort}) == ECONNREFUSED);
  REQUIRE(talk(Transport::udp, {kPeer.v6, kPort}) == EACCES);
  REQUIRE(on_peer.accepted() == 1);
  REQUIRE(on_peer.datagrams() == 0);
}

// One more cable between the two machines, the host's end under that name.
void plug(const Topology& net, const std::string& link) {
  in(net.host, [&] {
    must_run({"ip", "link", "add", link, "type", "veth", "peer", "name", "late", "netns", net.peer.path()});
    must_run({"ip", "addr", "add", "10.79.0.1/24", "dev", link});
    must_run({"ip", "link", "set", link, "up"});
  });
  in(net.peer, [] {
    must_run({"ip", "addr", "add", "10.79.0.2/24", "dev", "late"});
    must_run({"ip", "link", "set", "late", "up"});
  });
}

TEST_CASE("interfaces come, change their names and go, and rules know them by the names they have") {
  Topology net;
  DaemonUnderTest daemon{
      net.host, {accepting_defaults() + rule("not by this", "permanent-block", "interface = \"shut*\"")}};
  const Inside host{net.host};
  const auto talk_to = [](std::uint16_t port) { return talk(Transport::tcp, {"10.79.0.2", port}); };
  for (int round = 0; round < 3; ++round) {
    plug(net, "late0");
    const EchoServer first{net.peer, {"10.79.0.2"}, 7010};
    REQUIRE(talk_to(7010) == 0);
    must_run({"ip", "link", "set", "late0", "down"});
    must_run({"ip", "link", "set", "late0", "name", "shut0"});
    must_run({"ip", "link", "set", "shut0", "up"});
    REQUIRE(talk_to(7010) == ECONNREFUSED);
    must_run({"ip", "link", "set", "shut0", "down"});
    must_run({"ip", "link", "set", "shut0", "name", "open" + std::to_string(round)});
    must_run({"ip", "link", "set", "open" + std::to_string(round), "up"});
    REQUIRE(talk_to(7010) == 0);
    must_run({"ip", "link", "del", "open" + std::to_string(round)});
  }
  std::map<std::string, int> seen;
  for (const FlowEntry& flow : daemon.flows()) {
    if (flow.destination_port == 7010) ++seen[flow.interface];
  }
  REQUIRE(seen ==
          std::map<std::string, int>{{"late0", 3}, {"shut0", 3}, {"open0", 1}, {"open1", 1}, {"open2", 1}});
}

TEST_CASE("from the first packet after the start: no connection is made that the policy refuses") {
  Topology net;
  const EchoServer on_peer{net.peer, kPeer.both(), kPort};
  const Inside host{net.host};
  for (const std::string& to : kPeer.both()) {
    const std::uint64_t before = on_peer.accepted();
    // A namespace without any rule tracks nothing yet: what was open is picked up in its middle.
    const Socket open = begin(Transport::tcp, {to, kPort});
    REQUIRE(finish_connect(open) == 0);
    REQUIRE(exchange(open, Transport::tcp) == 0);
    DaemonUnderTest daemon{net.host, {peer_has("permanent-block")}};
    REQUIRE(talk(Transport::tcp, {to, kPort}) == ECONNREFUSED);
    REQUIRE(exchange(open, Transport::tcp) != 0);
    REQUIRE(on_peer.accepted() == before + 1);
    REQUIRE(daemon.stop().status == 0);
  }
}

}  // namespace
