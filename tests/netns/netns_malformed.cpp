// SPDX-License-Identifier: GPL-2.0-or-later
// Packets that no honest program sends, both ways. None may end the daemon; those that come up to it
// and cannot be read are counted by reason.
#include <netinet/in.h>

#include <random>

#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes address_bytes(const std::string& text) {
  const auto address = IpAddress::parse(text).value();
  return {address.bytes().begin(), address.bytes().begin() + (address.family() == Family::ipv4 ? 4 : 16)};
}

Bytes ipv4(const std::string& from, const std::string& to, std::uint8_t protocol, const Bytes& payload,
           std::uint8_t version_and_length = 0x45) {
  const auto length = static_cast<std::uint16_t>(20 + payload.size());
  Bytes packet{version_and_length,
               0,
               static_cast<std::uint8_t>(length >> 8),
               static_cast<std::uint8_t>(length),
               0,
               0,
               0,
               0,
               64,
               protocol,
               0,
               0};
  for (const std::string& end : {from, to}) {
    const Bytes bytes = address_bytes(end);
    packet.insert(packet.end(), bytes.begin(), bytes.end());
  }
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

Bytes ipv6(const std::string& from, const std::string& to, std::uint8_t next_header, const Bytes& payload) {
  Bytes packet{0x60,
               0,
               0,
               0,
               static_cast<std::uint8_t>(payload.size() >> 8),
               static_cast<std::uint8_t>(payload.size()),
               next_header,
               64};
  for (const std::string& end : {from, to}) {
    const Bytes bytes = address_bytes(end);
    packet.insert(packet.end(), bytes.begin(), bytes.end());
  }
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

// The kernel may refuse some of them itself: that is as good.
void send_raw(const Bytes& packet, const std::string& to) {
  const bool v4 = to.find(':') == std::string::npos;
  const Socket raw{v4 ? AF_INET : AF_INET6, SOCK_RAW, IPPROTO_RAW};
  const SocketAddress address = to_socket_address({to, 0});
  ::sendto(raw.fd(), packet.data(), packet.size(), 0, address.get(), address.length);
}

std::vector<Bytes> odd_packets(const std::string& from, const std::string& to) {
  const bool v4 = from.find(':') == std::string::npos;
  const auto make = [&](std::uint8_t protocol, const Bytes& payload) {
    return v4 ? ipv4(from, to, protocol, payload) : ipv6(from, to, protocol, payload);
  };
  std::vector<Bytes> all;
  for (const std::uint8_t protocol : Bytes{1, 2, 6, 17, 33, 41, 47, 50, 51, 58, 132, 136, 200}) {
    for (const std::size_t size : {0U, 1U, 3U, 7U}) all.push_back(make(protocol, Bytes(size, 0xff)));
  }
  all.push_back(
      make(6, Bytes{0x10, 0, 0x1b, 0x58, 0, 0, 0, 1, 0, 0, 0, 0, 0x10, 2, 0, 0, 0, 0, 0, 0}));  // offset 1
  all.push_back(
      make(6, Bytes{0x10, 0, 0x1b, 0x58, 0, 0, 0, 1, 0, 0, 0, 0, 0xf0, 2, 0, 0, 0, 0, 0, 0}));  // offset 15
  all.push_back(make(17, Bytes{0x10, 0, 0x1b, 0x58, 0xff, 0xff, 0, 0}));  // longer than it is
  if (v4) {
    for (const std::uint8_t first : Bytes{0x40, 0x41, 0x44, 0x4f, 0x55, 0x65})
      all.push_back(ipv4(from, to, 17, Bytes(8), first));
  } else {
    for (const std::uint8_t header : Bytes{0, 43, 44, 51, 60, 135}) {
      all.push_back(make(header, Bytes{17, 255, 0, 0, 0, 0, 0, 0}));  // an extension header past the end
      all.push_back(
          make(header, Bytes{header, 0, 0, 0, 0, 0, 0, 0, header, 0, 0, 0, 0, 0, 0, 0}));  // a chain
    }
  }
  return all;
}

std::uint64_t malformed(const DaemonUnderTest& daemon) {
  std::uint64_t sum = 0;
  for (const auto& [reason, count] : daemon.status().malformed) sum += count;
  return sum;
}

TEST_CASE("packets that make no sense are survived and counted, and others pass meanwhile") {
  Scene scene{{accepting_defaults(), "invalid = \"pass\"\n"}};
  for (const bool v4 : {true, false}) {
    const std::string& host = v4 ? kHost.v4 : kHost.v6;
    const std::string& peer = v4 ? kPeer.v4 : kPeer.v6;
    in(scene.net.host, [&] {
      for (const Bytes& packet : odd_packets(host, peer)) send_raw(packet, peer);
    });
    in(scene.net.peer, [&] {
      for (const Bytes& packet : odd_packets(peer, host)) send_raw(packet, host);
    });
    for (const Way& way : ways(scene, kPeer)) {
      for (const Transport transport : kTransports) REQUIRE(way.talk(transport) == 0);
    }
  }
  REQUIRE(scene.daemon.running());
  REQUIRE(scene.daemon.status().reasons.at("unparsed") == malformed(scene.daemon));
}

TEST_CASE("packets that cannot be read get the configured verdict") {
  // Conntrack calls a cut TCP header INVALID; where it does not look, the packet comes up.
  for (const std::string verdict : {"accept", "drop"}) {
    INFO(verdict);
    Scene scene{{accepting_defaults(), "unparsed = \"" + verdict + "\"\n"}};
    const Inside host{scene.net.host};
    for (const char* program : {"iptables", "ip6tables"}) {
      must_run({program, "-t", "raw", "-A", "OUTPUT", "-p", "tcp", "-j", "CT", "--notrack"});
    }
    send_raw(ipv4(kHost.v4, kPeer.v4, 6, Bytes(7)), kPeer.v4);
    wait_until("the verdict", [&] { return malformed(scene.daemon) == 1; });
    send_raw(ipv6(kHost.v6, kPeer.v6, 6, Bytes(7)), kPeer.v6);
    wait_until("the verdict", [&] { return malformed(scene.daemon) == 2; });
    REQUIRE(scene.daemon.status().malformed.at("truncated") == 2);
    REQUIRE(scene.daemon.verdicts(verdict) == 2);
  }
}

TEST_CASE("a thousand random packets") {
  Scene scene{{accepting_defaults(), "invalid = \"pass\"\n"}};
  std::mt19937 random{20261121};
  const auto byte = [&] { return static_cast<std::uint8_t>(random() & 0xff); };
  for (int i = 0; i < 1000; ++i) {
    Bytes payload(random() % 64);
    for (std::uint8_t& b : payload) b = byte();
    const bool outward = (i & 1) != 0;
    const bool v4 = (i & 2) != 0;
    const std::string& host = v4 ? kHost.v4 : kHost.v6;
    const std::string& peer = v4 ? kPeer.v4 : kPeer.v6;
    const std::string& from = outward ? host : peer;
    const std::string& to = outward ? peer : host;
    const std::uint8_t protocol = byte();
    const Bytes packet = v4 ? ipv4(from, to, protocol, payload) : ipv6(from, to, protocol, payload);
    in(outward ? scene.net.host : scene.net.peer, [&] { send_raw(packet, to); });
  }
  for (const Way& way : ways(scene, kPeer)) REQUIRE(way.talk(Transport::tcp) == 0);
  REQUIRE(scene.daemon.running());
}

}  // namespace
