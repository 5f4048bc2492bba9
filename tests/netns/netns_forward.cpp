// SPDX-License-Identifier: GPL-2.0-or-later
// What the host forwards: inner ── host ── peer.
#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

struct Gateway {
  explicit Gateway(const std::string& verdict, const std::string& keys = "forward = true\n")
      : daemon{net.host, {policy(verdict), keys}} {}

  static std::string policy(const std::string& verdict) {
    return "[default]\nforward = \"permanent-accept\"\n" +
           rule("under test", verdict,
                "direction = \"forward\"\ndestination = [\"" + kPeer.v4 + "\", \"" + kPeer.v6 + "\"]");
  }
  int from_inner(Transport transport, const std::string& to) const {
    return in(*net.inner, [&] { return talk(transport, {to, kPort}); });
  }
  Socket begin_from_inner(Transport transport, const std::string& to) const {
    return in(*net.inner, [&] { return begin(transport, {to, kPort}); });
  }

  Topology net{Machines::three};
  EchoServer on_peer{net.peer, {kPeer.v4, kPeer.v6, kOther.v4, kOther.v6}, kPort};
  DaemonUnderTest daemon;
};

TEST_CASE("forwarded flows that are accepted pass, and are asked for every packet") {
  const Gateway gate{"accept"};
  for (const std::string& address : kPeer.both()) {
    for (const Transport transport : kTransports) {
      INFO(to_string(transport) << " to " << address);
      REQUIRE(gate.from_inner(transport, address) == 0);
    }
    const Socket socket = gate.begin_from_inner(Transport::udp, address);
    const std::uint64_t asked = asked_during(gate.daemon, [&] {
      for (int i = 0; i < 5; ++i) REQUIRE(exchange(socket, Transport::udp) == 0);
    });
    REQUIRE(asked == 10);
  }
  const FlowEntry flow = gate.daemon.flows().at(0);
  REQUIRE(flow.direction == "forward");
  REQUIRE(flow.rule == "under test");
  REQUIRE(!flow.uid.has_value());
}

TEST_CASE("forwarded flows that are accepted for good are the kernel's") {
  const Gateway gate{"permanent-accept"};
  for (const std::string& address : kPeer.both()) {
    for (const Transport transport : {Transport::tcp, Transport::udp}) {
      INFO(to_string(transport) << " to " << address);
      Socket socket;
      {
        const std::uint64_t asked = asked_during(gate.daemon, [&] {
          socket = gate.begin_from_inner(transport, address);
          if (transport == Transport::tcp) REQUIRE(finish_connect(socket) == 0);
          REQUIRE(exchange(socket, transport) == 0);
        });
        REQUIRE(asked == 1);
      }
      const std::size_t size = transport == Transport::tcp ? 1 << 20 : 1024;
      {
        const std::uint64_t asked =
            asked_during(gate.daemon, [&] { REQUIRE(exchange(socket, transport, size) == 0); });
        REQUIRE(asked == 0);
      }
    }
  }
}

TEST_CASE("forwarded flows that are blocked are refused to their sender") {
  for (const std::string verdict : {"block", "permanent-block"}) {
    INFO(verdict);
    const Gateway gate{verdict};
    for (int again = 0; again < 2; ++again) {
      REQUIRE(gate.from_inner(Transport::tcp, kPeer.v4) == ECONNREFUSED);
      REQUIRE(gate.from_inner(Transport::tcp, kPeer.v6) == ECONNREFUSED);
      for (const Transport transport : {Transport::udp, Transport::icmp}) {
        INFO(to_string(transport));
        REQUIRE(gate.from_inner(transport, kPeer.v4) == EHOSTUNREACH);
        REQUIRE(gate.from_inner(transport, kPeer.v6) == EACCES);
      }
    }
    REQUIRE(gate.on_peer.accepted() == 0);
    REQUIRE(gate.on_peer.datagrams() == 0);
    REQUIRE(gate.from_inner(Transport::tcp, kOther.v4) == 0);
  }
}

TEST_CASE("forwarded flows that are dropped hear nothing") {
  for (const std::string verdict : {"drop", "permanent-drop"}) {
    INFO(verdict);
    const Gateway gate{verdict};
    for (const std::string& address : kPeer.both()) {
      for (const Transport transport : kTransports) {
        INFO(to_string(transport) << " to " << address);
        const std::uint64_t before = gate.daemon.received();
        const Socket socket = gate.begin_from_inner(transport, address);
        send_one(socket, transport);
        wait_until("the verdict", [&] { return gate.daemon.received() > before; });
        REQUIRE(gate.from_inner(transport, address == kPeer.v4 ? kOther.v4 : kOther.v6) == 0);
        REQUIRE(nothing_came(socket, transport));
      }
    }
  }
}

TEST_CASE("the default for forwarded flows is its own") {
  const Topology net{Machines::three};
  const EchoServer on_peer{net.peer, kPeer.both(), kPort};
  const DaemonUnderTest daemon{net.host,
                               {"[default]\noutbound = \"permanent-accept\"\ninbound = "
                                "\"permanent-drop\"\nforward = \"permanent-block\"\n",
                                "forward = true\n"}};
  REQUIRE(in(*net.inner, [&] { return talk(Transport::tcp, {kPeer.v4, kPort}); }) == ECONNREFUSED);
  REQUIRE(in(net.host, [&] { return talk(Transport::tcp, {kPeer.v4, kPort}); }) == 0);
}

TEST_CASE("without forward = true nobody asks about what is forwarded") {
  const Topology net{Machines::three};
  const EchoServer on_peer{net.peer, kPeer.both(), kPort};
  const DaemonUnderTest daemon{net.host, {accepting_defaults()}};
  for (const std::string& address : kPeer.both()) {
    REQUIRE(in(*net.inner, [&] { return talk(Transport::tcp, {address, kPort}); }) == 0);
  }
  REQUIRE(daemon.received() == 0);
}

}  // namespace
