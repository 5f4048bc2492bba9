// SPDX-License-Identifier: GPL-2.0-or-later
// A machine with several interfaces, and flows that begin to come in by another one.
#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

const std::string kAgain = "arrival_interface = \"reauthorize\"\n";

// A second cable between the two machines: 10.79.NUMBER.0/24 and fd79:NUMBER::/64.
void plug(const Topology& net, const std::string& link, int number) {
  const std::string n = std::to_string(number), far = "eth" + std::to_string(number);
  in(net.host, [&] {
    must_run({"ip", "link", "add", link, "type", "veth", "peer", "name", far, "netns", net.peer.path()});
    must_run({"ip", "addr", "add", "10.79." + n + ".1/24", "dev", link});
    must_run({"ip", "addr", "add", "fd79:" + n + "::1/64", "dev", link, "nodad"});
    must_run({"ip", "link", "set", link, "up"});
    try_setting("/proc/sys/net/ipv4/conf/" + link + "/rp_filter", "0");
  });
  in(net.peer, [&] {
    must_run({"ip", "addr", "add", "10.79." + n + ".2/24", "dev", far});
    must_run({"ip", "addr", "add", "fd79:" + n + "::2/64", "dev", far, "nodad"});
    must_run({"ip", "link", "set", far, "up"});
  });
}

// From now on what the peer sends to the host's first addresses goes by that cable; 0: by the first.
void send_by(const Topology& net, int number) {
  const std::string n = std::to_string(number), far = "eth" + n;
  in(net.peer, [&] {
    if (number == 0) {
      run({"ip", "route", "del", kHost.v4 + "/32"});
      run({"ip", "route", "del", kHost.v6 + "/128"});
      return;
    }
    must_run({"ip", "route", "replace", kHost.v4 + "/32", "via", "10.79." + n + ".1", "dev", far});
    must_run({"ip", "route", "replace", kHost.v6 + "/128", "via", "fd79:" + n + "::1", "dev", far});
  });
}

void accept_from_anywhere(const Topology& net) {
  in(net.host, [] {
    write_setting("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
    try_setting(std::string{"/proc/sys/net/ipv4/conf/"} + kHostLink + "/rp_filter", "0");
  });
}

// The daemon puts interfaces into the rules by itself, some time after they come. Rules that do not
// know one yet ask about every packet: the known ones are asked about no more.
void settle(const Scene& scene, const Socket& socket, Transport transport) {
  wait_until("the rules to know the interface", [&] {
    return asked_during(scene.daemon, [&] { REQUIRE(exchange(socket, transport) == 0); }) == 0;
  });
}

TEST_CASE("a flow that comes in by another interface is asked about once, then carried again") {
  const Scene scene{{accepting_defaults(), kAgain}};
  plug(scene.net, "wan1", 1);
  accept_from_anywhere(scene.net);
  for (const Transport transport : {Transport::tcp, Transport::udp}) {
    for (const Way& way : ways(scene, kPeer)) {
      INFO(way.name() << " " << to_string(transport));
      send_by(scene.net, 0);
      const Socket socket = way.open(transport);
      settle(scene, socket, transport);
      for (const int cable : {1, 0}) {
        INFO("by cable " << cable);
        // Counted from before the way changes: the first to take it may be an acknowledgement that was due.
        CHECK(asked_during(scene.daemon, [&] {
                send_by(scene.net, cable);
                CHECK(exchange(socket, transport) == 0);
              }) >= 1);
        settle(scene, socket, transport);
        CHECK(asked_during(scene.daemon, [&] { CHECK(exchange(socket, transport) == 0); }) == 0);
      }
    }
  }
}

TEST_CASE("what the policy does not want by the other interface is blocked there, with its cause") {
  const Scene scene{
      {accepting_defaults() + rule("not by this", "permanent-block", "interface = \"wan1\""), kAgain}};
  plug(scene.net, "wan1", 1);
  accept_from_anywhere(scene.net);
  const Socket tcp = outbound(scene, kPeer.v4).open(Transport::tcp);
  const Socket udp = outbound(scene, kPeer.v6).open(Transport::udp);
  settle(scene, tcp, Transport::tcp);
  settle(scene, udp, Transport::udp);
  const Socket neighbour = outbound(scene, kOther.v4).open(Transport::tcp);
  send_by(scene.net, 1);
  CHECK(exchange(tcp, Transport::tcp) != 0);
  send_one(udp, Transport::udp);
  wait_until("the verdict", [&] {
    FlowFilter filter;
    filter.protocol = "udp";
    const auto flows = scene.daemon.flows(filter);
    return flows.size() == 1 && flows[0].verdict == "permanent-block";
  });
  for (const FlowEntry& flow : scene.daemon.flows()) {
    if (flow.verdict != "permanent-block") continue;
    CHECK(flow.cause == "arrival");
    CHECK(flow.old_verdict == "permanent-accept");
    CHECK(flow.rule == "not by this");
    CHECK(flow.interface == "wan1");
  }
  CHECK(scene.daemon.log().find("(arrival)") != std::string::npos);
}

TEST_CASE("nobody asks which interface it was when nobody configured it") {
  const Scene scene{{accepting_defaults() + rule("not by this", "permanent-block", "interface = \"wan1\"")}};
  plug(scene.net, "wan1", 1);
  accept_from_anywhere(scene.net);
  const Socket socket = outbound(scene, kPeer.v4).open(Transport::tcp);
  REQUIRE(exchange(socket, Transport::tcp) == 0);
  send_by(scene.net, 1);
  CHECK(asked_during(scene.daemon, [&] { CHECK(exchange(socket, Transport::tcp) == 0); }) == 0);
}

TEST_CASE("many interfaces, and some that come and go, each told apart") {
  constexpr int kCables = 12;
  const Scene scene{{accepting_defaults(), kAgain}};
  accept_from_anywhere(scene.net);
  in(scene.net.host, [] {
    for (int i = 0; i < 30; ++i) {
      const std::string n = std::to_string(i);
      must_run({"ip", "link", "add", "extra" + n, "type", "veth", "peer", "name", "other" + n});
    }
  });
  for (int i = 1; i <= kCables; ++i) plug(scene.net, "wan" + std::to_string(i), i);
  const Socket socket = outbound(scene, kPeer.v4).open(Transport::tcp);
  settle(scene, socket, Transport::tcp);
  for (int i = 1; i <= kCables; ++i) {
    INFO(i);
    send_by(scene.net, i);
    CHECK(asked_during(scene.daemon, [&] { CHECK(exchange(socket, Transport::tcp) == 0); }) >= 1);
    settle(scene, socket, Transport::tcp);
  }
  // The last one goes and comes back under its name: what it had was authorized, and is.
  in(scene.net.host, [] { must_run({"ip", "link", "del", "wan12"}); });
  send_by(scene.net, 1);
  CHECK(asked_during(scene.daemon, [&] { CHECK(exchange(socket, Transport::tcp) == 0); }) >= 1);
  settle(scene, socket, Transport::tcp);
  plug(scene.net, "wan12", 12);
  send_by(scene.net, 12);
  CHECK(asked_during(scene.daemon, [&] { CHECK(exchange(socket, Transport::tcp) == 0); }) >= 1);
  settle(scene, socket, Transport::tcp);
}

TEST_CASE("a restart changes nothing for what was authorized") {
  Scene scene{{accepting_defaults(), kAgain + "at_stop = \"keep\"\n"}};
  plug(scene.net, "wan1", 1);
  accept_from_anywhere(scene.net);
  const Socket socket = outbound(scene, kPeer.v4).open(Transport::tcp);
  settle(scene, socket, Transport::tcp);
  scene.daemon.kill();
  REQUIRE(exchange(socket, Transport::tcp) == 0);  // the kernel carries it
  scene.daemon.start();
  CHECK(asked_during(scene.daemon, [&] { CHECK(exchange(socket, Transport::tcp) == 0); }) == 0);
  send_by(scene.net, 1);
  CHECK(asked_during(scene.daemon, [&] { CHECK(exchange(socket, Transport::tcp) == 0); }) >= 1);
  settle(scene, socket, Transport::tcp);
}

}  // namespace
