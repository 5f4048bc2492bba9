// SPDX-License-Identifier: GPL-2.0-or-later
// The six verdicts that do not reroute: each for TCP, UDP and ICMP, IPv4 and IPv6, both ways.
#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr std::size_t kMegabyte = 1 << 20;

// That the packet was dropped is known by events alone: the daemon has said so, and somebody who
// started later has been answered.
void expect_silence(const Scene& scene, const Way& way, const Way& control, Transport transport,
                    const std::string& verdict) {
  const std::uint64_t before = scene.daemon.verdicts(verdict);
  const Socket socket = way.begin(transport);
  send_one(socket, transport);
  wait_until("the verdict", [&] { return scene.daemon.verdicts(verdict) > before; });
  REQUIRE(control.talk(transport) == 0);
  REQUIRE(nothing_came(socket, transport));
}

void expect_silence_everywhere(const std::string& verdict) {
  const Scene scene{{peer_has(verdict)}};
  const auto controls = ways(scene, kOther);
  auto control = controls.begin();
  for (const Way& way : ways(scene, kPeer)) {
    for (const Transport transport : kTransports) {
      INFO(to_string(transport) << " " << way.name());
      // ICMP has no flow by default: it is asked packet by packet.
      const bool single = transport == Transport::icmp && verdict == "permanent-drop";
      expect_silence(scene, way, *control, transport, single ? "drop" : verdict);
    }
    ++control;
  }
  // The controls, TCP and UDP, and nobody else.
  REQUIRE(scene.served() == 2 * controls.size());
}

void expect_refusal_everywhere(const std::string& verdict) {
  const Scene scene{{peer_has(verdict)}};
  for (const Way& way : ways(scene, kPeer)) {
    for (const Transport transport : kTransports) {
      INFO(to_string(transport) << " " << way.name());
      REQUIRE(way.talk(transport) == refusal(transport, way));
      REQUIRE(way.talk(transport) == refusal(transport, way));
    }
  }
  REQUIRE(scene.served() == 0);
  for (const Way& way : ways(scene, kOther)) {
    for (const Transport transport : kTransports) REQUIRE(way.talk(transport) == 0);
  }
}

TEST_CASE("accept lets datagrams pass and is asked for every one") {
  const Scene scene{{peer_has("accept")}};
  for (const Way& way : ways(scene, kPeer)) {
    for (const Transport transport : {Transport::udp, Transport::icmp}) {
      INFO(to_string(transport) << " " << way.name());
      const Socket socket = way.open(transport);
      const std::uint64_t asked = asked_during(scene.daemon, [&] {
        for (int i = 0; i < 5; ++i) REQUIRE(exchange(socket, transport) == 0);
      });
      REQUIRE(asked == 10);
    }
  }
  REQUIRE(scene.daemon.verdicts("accept") == scene.daemon.received());
}

TEST_CASE("accept lets streams pass and is asked for every packet") {
  const Scene scene{{peer_has("accept")}};
  for (const Way& way : ways(scene, kPeer)) {
    INFO(way.name());
    const Socket stream = way.open(Transport::tcp);
    // Two megabytes, in packets of 64 KiB at the most.
    const std::uint64_t asked =
        asked_during(scene.daemon, [&] { REQUIRE(exchange(stream, Transport::tcp, kMegabyte) == 0); });
    REQUIRE(asked >= 32);
  }
}

TEST_CASE("permanent-accept puts the flow into the kernel's hands with its first packet") {
  const Scene scene{{peer_has("permanent-accept")}};
  for (const Way& way : ways(scene, kPeer)) {
    for (const Transport transport : {Transport::tcp, Transport::udp}) {
      INFO(to_string(transport) << " " << way.name());
      Socket socket;
      {
        const std::uint64_t asked = asked_during(scene.daemon, [&] {
          socket = way.open(transport);
          REQUIRE(exchange(socket, transport) == 0);
        });
        REQUIRE(asked == 1);
      }
      {
        const std::uint64_t asked = asked_during(scene.daemon, [&] {
          const std::size_t size = transport == Transport::tcp ? kMegabyte : 1024;
          for (int i = 0; i < 4; ++i) REQUIRE(exchange(socket, transport, size) == 0);
        });
        REQUIRE(asked == 0);
      }
    }
    REQUIRE(way.talk(Transport::icmp) == 0);
  }
}

TEST_CASE("exactly one packet is queued for each accepted TCP connection, from first to last") {
  const Scene scene{{accepting_defaults()}};
  constexpr int kConnections = 50;
  for (const Way& way : ways(scene, kPeer)) {
    INFO(way.name());
    const std::uint64_t asked = asked_during(scene.daemon, [&] {
      for (int i = 0; i < kConnections; ++i) REQUIRE(way.talk(Transport::tcp) == 0);
    });
    REQUIRE(asked == kConnections);
  }
}

TEST_CASE("block refuses at once, with the right errno on either side") {
  expect_refusal_everywhere("block");
}

TEST_CASE("permanent-block refuses at once, with the right errno on either side") {
  expect_refusal_everywhere("permanent-block");
}

TEST_CASE("drop says nothing") { expect_silence_everywhere("drop"); }

TEST_CASE("permanent-drop says nothing") { expect_silence_everywhere("permanent-drop"); }

TEST_CASE("permanent-drop holds for the retransmissions of a first packet") {
  const Scene scene{{peer_has("permanent-drop")}};
  for (const Way& way : ways(scene, kPeer)) {
    INFO(way.name());
    const std::uint64_t before = scene.daemon.status().reasons.at("cached");
    const Socket socket = way.begin(Transport::tcp);
    wait_until("a retransmission", [&] { return scene.daemon.status().reasons.at("cached") > before; });
    REQUIRE(outbound(scene, kOther.v4).talk(Transport::tcp) == 0);
    REQUIRE(nothing_came(socket, Transport::tcp));
  }
  // Four flows were decided, each once; the controls are flows of their own.
  FlowFilter dropped;
  dropped.verdict = "permanent-drop";
  REQUIRE(scene.daemon.flows(dropped).size() == 4);
}

TEST_CASE("permanent-block holds for a flow's later packets, answered from the cache") {
  const Scene scene{{peer_has("permanent-block")}};
  for (const Way& way : ways(scene, kPeer)) {
    INFO(way.name());
    const Socket socket = way.open(Transport::udp);
    REQUIRE(exchange(socket, Transport::udp) == refusal(Transport::udp, way));
    const std::uint64_t before = scene.daemon.status().reasons.at("cached");
    REQUIRE(exchange(socket, Transport::udp) == refusal(Transport::udp, way));
    REQUIRE(scene.daemon.status().reasons.at("cached") == before + 1);
  }
  REQUIRE(scene.served() == 0);
}

TEST_CASE("temporary verdicts are asked again for the same flow") {
  for (const std::string verdict : {"block", "drop"}) {
    INFO(verdict);
    const Scene scene{{peer_has(verdict)}};
    const Way way = outbound(scene, kPeer.v4);
    const Socket socket = way.begin(Transport::tcp);
    if (verdict == "drop") wait_until("the second SYN", [&] { return scene.daemon.verdicts("drop") >= 2; });
    if (verdict == "block") {
      REQUIRE(finish_connect(socket) == ECONNREFUSED);
      REQUIRE(way.talk(Transport::udp) == EHOSTUNREACH);
      REQUIRE(scene.daemon.verdicts("block") == 2);
    }
    REQUIRE(scene.daemon.status().reasons.at("cached") == 0);
  }
}

TEST_CASE("the defaults decide what no rule speaks of") {
  const Scene scene{{"[default]\noutbound = \"permanent-block\"\ninbound = \"permanent-block\"\n" +
                     rule("this one", "permanent-accept", "direction = \"outbound\"\nport = \"tcp/7000\"")}};
  for (const std::string& address : kPeer.both()) {
    REQUIRE(outbound(scene, address).talk(Transport::tcp) == 0);
    REQUIRE(outbound(scene, address).talk(Transport::udp) != 0);
    REQUIRE(inbound(scene, address).talk(Transport::tcp) == ECONNREFUSED);
  }
  FlowFilter wanted;
  wanted.protocol = "udp";
  wanted.address = kPeer.v4;
  const FlowEntry flow = scene.daemon.flows(wanted).at(0);
  REQUIRE(flow.verdict == "permanent-block");
  REQUIRE(flow.rule.empty());
  REQUIRE(flow.reason == "default");
}

TEST_CASE("packets of every size pass through temporary verdicts, merged and segmented ones too") {
  const Scene scene{{peer_has("accept")}};
  for (const Way& way : ways(scene, kPeer)) {
    INFO(way.name());
    const Socket datagrams = way.open(Transport::udp);
    for (const std::size_t size : {1U, 1400U, 1472U, 1473U, 9000U, 60000U}) {
      REQUIRE(exchange(datagrams, Transport::udp, size) == 0);
    }
    const Socket stream = way.open(Transport::tcp);
    REQUIRE(exchange(stream, Transport::tcp, 8 * kMegabyte) == 0);
  }
}

TEST_CASE("a datagram that the kernel is to segment arrives as its segments") {
  constexpr int kUdpSegment = 103;  // linux/udp.h
  constexpr std::size_t kSegment = 1000;
  constexpr std::size_t kSegments = 10;
  const Scene scene{{peer_has("accept")}};
  for (const std::string& address : kPeer.both()) {
    const Way way = outbound(scene, address);
    const Socket socket = way.open(Transport::udp);
    socket.set(IPPROTO_UDP, kUdpSegment, kSegment);
    const std::uint64_t before = scene.on_peer.datagrams();
    const std::string bytes(kSegment * kSegments, 'x');
    REQUIRE(::send(socket.fd(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    wait_until("all segments", [&] { return scene.on_peer.datagrams() == before + kSegments; });
  }
}

}  // namespace
