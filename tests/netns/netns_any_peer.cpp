// SPDX-License-Identifier: GPL-2.0-or-later
// A socket that a rule authorizes for any peer at once: after the first flow the kernel asks no more.
#include <algorithm>

#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr std::uint16_t kServer = 7050;

std::string any_peer(const std::string& port) {
  return "[default]\noutbound = \"permanent-block\"\ninbound = \"permanent-block\"\n" +
         rule("server", "permanent-accept", "direction = \"inbound\"\n" + port + "\npeers = \"any\"");
}

std::uint64_t authorized(const DaemonUnderTest& daemon) { return daemon.status().sockets.authorized; }

// The rules follow some milliseconds after the engine.
void wait_until_carried(const DaemonUnderTest& daemon, const std::function<void()>& new_flow) {
  wait_until("the kernel to carry new flows", [&] { return asked_during(daemon, new_flow) == 0; });
}

TEST_CASE("a server: new flows of any peer are not asked about, and are in the list") {
  Topology net;
  DaemonUnderTest daemon{net.host, {any_peer("port = [\"udp/7050\", \"tcp/7050\"]")}};
  for (const Transport transport : {Transport::udp, Transport::tcp}) {
    for (const bool v4 : {true, false}) {
      const std::string host = v4 ? kHost.v4 : kHost.v6;
      const std::string own = v4 ? kPeer.v4 : kPeer.v6, other = v4 ? kOther.v4 : kOther.v6;
      INFO(host << " " << to_string(transport));
      std::optional<EchoServer> server{std::in_place, net.host, std::vector<std::string>{host}, kServer};
      const auto talk_from = [&](const std::string& from) {
        return in(net.peer, [&] { return talk(transport, {host, kServer}, Endpoint{from, 0}); });
      };
      REQUIRE(asked_during(daemon, [&] { REQUIRE(talk_from(own) == 0); }) >= 1);
      REQUIRE(authorized(daemon) == 1);
      wait_until_carried(daemon, [&] { REQUIRE(talk_from(own) == 0); });
      CHECK(asked_during(daemon, [&] { CHECK(talk_from(other) == 0); }) == 0);
      wait_until("the flow in the list", [&] {
        FlowFilter filter;
        filter.address = other;
        filter.protocol = transport == Transport::udp ? "udp" : "tcp";
        const auto flows = daemon.flows(filter);
        return !flows.empty() && flows[0].verdict == "permanent-accept" && flows[0].direction == "inbound";
      });
      // It ends with the socket.
      server.reset();
      wait_until("the withdrawal", [&] { return authorized(daemon) == 0; });
      // Nobody waits for an answer: the kernel tells of few refusals a second only (icmp_ratelimit).
      wait_until("the rules to forget the socket", [&] {
        return asked_during(daemon, [&] {
                 const Inside peer{net.peer};
                 const Socket again = begin(transport, {host, kServer}, Endpoint{own, 0});
                 if (transport == Transport::udp) send_one(again, transport);
               }) >= 1;
      });
    }
  }
}

TEST_CASE("a socket's entry is of that socket: another port of the same machine is asked about") {
  Topology net;
  DaemonUnderTest daemon{net.host, {any_peer("port = \"udp/7050\"")}};
  const EchoServer server{net.host, {kHost.v4}, kServer}, neighbour{net.host, {kHost.v4}, kServer + 1};
  const auto talk_to = [&](std::uint16_t port) {
    return in(net.peer, [&] { return talk(Transport::udp, {kHost.v4, port}); });
  };
  REQUIRE(talk_to(kServer) == 0);
  wait_until_carried(daemon, [&] { REQUIRE(talk_to(kServer) == 0); });
  CHECK(asked_during(daemon, [&] { CHECK(talk_to(kServer + 1) == EHOSTUNREACH); }) >= 1);
  CHECK(neighbour.datagrams() == 0);
}

TEST_CASE("a policy that does not want it any more takes it back, and what lives is decided again") {
  Topology net;
  DaemonUnderTest daemon{net.host, {any_peer("port = \"udp/7050\"")}};
  const EchoServer server{net.host, {kHost.v4}, kServer};
  const auto begin_one = [&] {
    return in(net.peer, [&] { return begin(Transport::udp, {kHost.v4, kServer}); });
  };
  const Socket first = begin_one();
  REQUIRE(exchange(first, Transport::udp) == 0);
  wait_until_carried(daemon, [&] { REQUIRE(exchange(begin_one(), Transport::udp) == 0); });
  const Socket carried = begin_one();
  REQUIRE(exchange(carried, Transport::udp) == 0);
  daemon.write_policy("[default]\noutbound = \"permanent-block\"\ninbound = \"permanent-block\"\n");
  daemon.hang_up();
  wait_until("the withdrawal", [&] { return authorized(daemon) == 0; });
  // Nobody is asked before, as the kernel tells of few refusals a second only (icmp_ratelimit).
  // The flow may not be in the list yet: it is told of some milliseconds after it began.
  wait_until("the carried flow decided again", [&] {
    return std::ranges::any_of(daemon.flows({}), [&](const auto& flow) {
      return flow.source_port == carried.local().port && flow.verdict == "permanent-block";
    });
  });
  CHECK(exchange(carried, Transport::udp) == EHOSTUNREACH);
  wait_until("new ones to be asked about",
             [&] { return asked_during(daemon, [&] { send_one(begin_one(), Transport::udp); }) >= 1; });
  CHECK(exchange(begin_one(), Transport::udp) == EHOSTUNREACH);
}

}  // namespace
