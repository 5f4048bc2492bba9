// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "packet_builder.hpp"
#include "topology.hpp"
#include "traffic.hpp"

namespace tollgate::test {

// SYN, UDP and ICMP to the host from addresses that change with every packet. Random, but the same each
// time. RFC 2544 and RFC 3849: addresses that are nobody's.
class Flood {
 public:
  static constexpr std::uint16_t kDropped = 9001, kBlocked = 9002, kAccepted = 9003;  // ports, by the policy
  static std::string policy() {
    const std::string honest = "[\"" + kPeer.v4 + "\", \"" + kPeer.v6 + "\"]";
    return "[default]\noutbound = \"permanent-accept\"\ninbound = \"permanent-drop\"\n"
           "[[rule]]\nname = \"honest\"\ndirection = \"inbound\"\nsource = " +
           honest + "\nverdict = \"permanent-accept\"\n[[rule]]\nname = \"refused\"\nport = \"" +
           std::to_string(kBlocked) +
           "\"\nverdict = \"permanent-block\"\n[[rule]]\nname = \"open\"\nport = \"" +
           std::to_string(kAccepted) + "\"\nverdict = \"permanent-accept\"\n";
  }

  std::vector<std::uint8_t> next(bool v4) {
    const auto number = static_cast<std::uint32_t>(random_());
    const auto part = [&](unsigned shift) { return std::to_string(number >> shift & 0xff); };
    char v6[32];
    std::snprintf(v6, sizeof v6, "2001:db8::%x:%x", number >> 16, number & 0xffff);
    const std::string from =
        v4 ? "198." + std::to_string(18 + (number >> 16 & 1)) + "." + part(8) + "." + part(0) : v6;
    PacketBuilder packet{from, v4 ? kHost.v4 : kHost.v6};
    const auto port = static_cast<std::uint16_t>(1024 + random_() % 60000);
    // Few are accepted: those stay in conntrack's table, which has a bound of its own.
    const std::uint16_t to = number % 64 == 0 ? kAccepted : number % 4 == 1 ? kBlocked : kDropped;
    switch (random_() % 3) {
      case 0:
        return packet.tcp(port, to, tcp_flag::syn, number).build();
      case 1:
        return packet.udp(port, to).payload("flood").build();
      default:
        return packet.echo_request(port).build();
    }
  }

 private:
  std::mt19937 random_{20};
};

// Where a flood goes out, both families, from the namespace in which this is made.
class FloodSockets {
 public:
  // False when the sender's own link lost it.
  bool send(const std::vector<std::uint8_t>& packet) const {
    const bool four = packet.front() >> 4 == 4;
    const SocketAddress& to = four ? to4_ : to6_;
    return ::sendto((four ? v4_ : v6_).fd(), packet.data(), packet.size(), 0, to.get(), to.length) >= 0;
  }

 private:
  Socket v4_{AF_INET, SOCK_RAW, IPPROTO_RAW}, v6_{AF_INET6, SOCK_RAW, IPPROTO_RAW};
  SocketAddress to4_ = to_socket_address({kHost.v4, 0}), to6_ = to_socket_address({kHost.v6, 0});
};

}  // namespace tollgate::test
