// SPDX-License-Identifier: GPL-2.0-or-later
// reroute-nameserver and reroute-tunnel: delivered to the local listener, the original destination
// known to netfilter, answers as from whom was asked.
#include "nameserver.hpp"
#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr std::uint16_t kTunnelPort = 9040;
constexpr std::uint16_t kLocalDns = 5353;
// Documentation addresses (RFC 5737, RFC 3849): routed to the peer, where nobody has them.
const Addresses kNobody{"192.0.2.53", "2001:db8::53"};

std::string target(const std::string& name, const Addresses& to, std::uint16_t port) {
  return "[" + name + "]\naddress4 = \"" + to.v4 + "\"\naddress6 = \"" + to.v6 +
         "\"\nport = " + std::to_string(port) + "\n";
}

std::string dig(const NetworkNamespace& from, const std::string& server, std::vector<std::string> options) {
  std::vector<std::string> command{"dig", "@" + server, "+short", "+tries=3", "+time=20", "example.test"};
  command.insert(command.end(), options.begin(), options.end());
  return in(from, [&] { return run(command).output; });
}

TEST_CASE("reroute-nameserver gives a question to anybody to the local nameserver") {
  TOLLGATE_NEEDS("dnsmasq", "dig");
  const Topology net;
  const Addresses ours{"192.0.2.7", "2001:db8::7"};
  const Addresses theirs{"192.0.2.66", "2001:db8::66"};
  const Process local = nameserver(net.host, kLoopback, kLocalDns, answers("example.test", ours));
  const Process remote = nameserver(net.peer, kPeer, 53, answers("example.test", theirs));
  const auto ask_all = [&](const std::string& server, const Addresses& expected) {
    INFO(server);
    CHECK(dig(net.host, server, {"A"}) == expected.v4 + "\n");
    CHECK(dig(net.host, server, {"A", "+tcp"}) == expected.v4 + "\n");
    CHECK(dig(net.host, server, {"AAAA"}) == expected.v6 + "\n");
    CHECK(dig(net.host, server, {"AAAA", "+tcp"}) == expected.v6 + "\n");
  };
  ask_all(kPeer.v4, theirs);  // without a daemon the peer's own answers

  const DaemonUnderTest daemon{
      net.host,
      {accepting_defaults() +
           rule("all DNS", "reroute-nameserver", "direction = \"outbound\"\nport = [\"udp/53\", \"tcp/53\"]"),
       "", target("nameserver", kLoopback, kLocalDns)}};
  for (const std::string& server : {kPeer.v4, kPeer.v6, kNobody.v4, kNobody.v6}) ask_all(server, ours);
  // One packet each: the kernel did the rest.
  REQUIRE(daemon.verdicts("reroute-nameserver") == 16);
  REQUIRE(daemon.received() == 16);
}

TEST_CASE("reroute-tunnel delivers outbound flows and keeps where they wanted to go") {
  const Topology net;
  const EchoServer entry{net.host, {kLoopback.v4, kLoopback.v6}, kTunnelPort};
  const DaemonUnderTest daemon{
      net.host,
      {accepting_defaults() + rule("through the tunnel", "reroute-tunnel", "direction = \"outbound\""), "",
       target("tunnel", kLoopback, kTunnelPort)}};
  std::vector<Endpoint> wanted;
  const Inside host{net.host};
  for (const Addresses& to : {kPeer, kNobody}) {
    for (const std::string& address : to.both()) {
      INFO(address);
      // A connected UDP socket takes answers only from whom it asked.
      REQUIRE(talk(Transport::udp, {address, kPort}) == 0);
      REQUIRE(talk(Transport::tcp, {address, kPort}) == 0);
      wanted.push_back({address, kPort});
      const Socket stream = begin(Transport::tcp, {address, kPort});
      REQUIRE(finish_connect(stream) == 0);
      wanted.push_back({address, kPort});
      const std::uint64_t asked =
          asked_during(daemon, [&] { REQUIRE(exchange(stream, Transport::tcp, 1 << 20) == 0); });
      REQUIRE(asked == 0);
    }
  }
  REQUIRE(entry.originals() == wanted);
  REQUIRE(entry.datagrams() == 4);
  REQUIRE(daemon.received() == 12);
}

TEST_CASE("what conntrack does not track cannot be rerouted: it is refused, and gets to nobody") {
  TOLLGATE_NEEDS("nft");
  const Topology net;
  const EchoServer entry{net.host, {kLoopback.v4, kLoopback.v6}, kTunnelPort};
  const EchoServer peer{net.peer, kPeer.both(), kPort};
  const DaemonUnderTest daemon{
      net.host,
      {accepting_defaults() + rule("through the tunnel", "reroute-tunnel", "direction = \"outbound\""), "",
       target("tunnel", kLoopback, kTunnelPort)}};
  exempt_udp(net.host);
  const Inside host{net.host};
  for (const std::string& address : kPeer.both()) {
    INFO(address);
    REQUIRE(talk(Transport::udp, {address, kPort}) != 0);
    REQUIRE(talk(Transport::tcp, {address, kPort}) == 0);
  }
  REQUIRE(peer.datagrams() == 0);
  REQUIRE(entry.datagrams() == 0);
}

TEST_CASE("reroute-tunnel delivers arriving flows: those for the host and those it forwards") {
  const Topology net{Machines::three};
  const EchoServer entry{net.host, kHost.both(), kTunnelPort};
  const DaemonUnderTest daemon{
      net.host,
      {"[default]\noutbound = \"permanent-accept\"\ninbound = \"permanent-accept\"\nforward = "
       "\"permanent-accept\"\n" +
           rule("arriving", "reroute-tunnel",
                "direction = [\"inbound\", \"forward\"]\nport = [\"tcp/7000\", \"udp/7000\"]"),
       "forward = true\nreroute_arriving = true\n", target("tunnel", kHost, kTunnelPort)}};
  std::vector<Endpoint> wanted;
  for (const std::string& address : {kHost.v4, kHost.v6, kInner.v4, kInner.v6}) {
    INFO(address);
    REQUIRE(in(net.peer, [&] { return talk(Transport::udp, {address, kPort}); }) == 0);
    REQUIRE(in(net.peer, [&] { return talk(Transport::tcp, {address, kPort}); }) == 0);
    wanted.push_back({address, kPort});
  }
  for (const std::string& address : kPeer.both()) {
    INFO("from inside to " << address);
    REQUIRE(in(*net.inner, [&] { return talk(Transport::tcp, {address, kPort}); }) == 0);
    wanted.push_back({address, kPort});
  }
  REQUIRE(entry.originals() == wanted);
  REQUIRE(entry.datagrams() == 4);
  REQUIRE(daemon.verdicts("reroute-tunnel") == 10);
  const auto directions = daemon.flows();
  REQUIRE(directions.size() == 10);
}

TEST_CASE("what asks before routing still lets everything else through, and refuses it") {
  const Topology net{Machines::three};
  const EchoServer on_host{net.host, kHost.both(), kPort};
  const EchoServer on_inner{*net.inner, kInner.both(), kPort};
  const DaemonUnderTest daemon{
      net.host,
      {"[default]\noutbound = \"permanent-accept\"\ninbound = \"permanent-accept\"\nforward = "
       "\"permanent-accept\"\n" +
           rule("refused", "permanent-block",
                "source = [\"" + kOther.v4 + "\", \"" + kOther.v6 +
                    "\"]\ndirection = [\"inbound\", \"forward\"]"),
       "forward = true\nreroute_arriving = true\n", target("tunnel", kHost, kTunnelPort)}};
  const Inside peer{net.peer};
  for (const std::string& address : {kHost.v4, kHost.v6, kInner.v4, kInner.v6}) {
    INFO(address);
    const bool v4 = address.find(':') == std::string::npos;
    for (const Transport transport : kTransports) {
      INFO(to_string(transport));
      REQUIRE(talk(transport, {address, kPort}, Endpoint{v4 ? kPeer.v4 : kPeer.v6, 0}) == 0);
    }
    const Endpoint other{v4 ? kOther.v4 : kOther.v6, 0};
    REQUIRE(talk(Transport::tcp, {address, kPort}, other) == ECONNREFUSED);
    REQUIRE(talk(Transport::udp, {address, kPort}, other) == (v4 ? EHOSTUNREACH : EACCES));
  }
}

TEST_CASE("a family that has nowhere to be rerouted to is refused, and counted") {
  const Topology net;
  const EchoServer entry{net.host, {kLoopback.v4}, kTunnelPort};
  const DaemonUnderTest daemon{
      net.host,
      {accepting_defaults() + rule("through the tunnel", "reroute-tunnel", "direction = \"outbound\""), "",
       "[tunnel]\naddress4 = \"127.0.0.1\"\nport = " + std::to_string(kTunnelPort) + "\n"}};
  const Inside host{net.host};
  REQUIRE(talk(Transport::tcp, {kPeer.v4, kPort}) == 0);
  REQUIRE(talk(Transport::tcp, {kPeer.v6, kPort}) == ECONNREFUSED);
  REQUIRE(daemon.status().errors.at("reroute_refused") == 1);
}

}  // namespace
