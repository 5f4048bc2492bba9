// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/live_parts.hpp"

#include "catch.hpp"

using namespace tollgate;

namespace {

SocketAuthorized on_port(std::uint16_t port, bool authorized = true) {
  return {Protocol::udp, Direction::inbound, *IpAddress::parse("192.0.2.1"), port, authorized};
}

}  // namespace

TEST_CASE("live parts: a socket is in the rules from its authorization to its withdrawal") {
  LiveParts parts{{}};
  CHECK(parts.socket(on_port(53)));
  CHECK_FALSE(parts.socket(on_port(53)));
  REQUIRE(parts.rules().sockets.size() == 1);
  CHECK(parts.rules().sockets[0] ==
        SocketInRules{Direction::inbound, Protocol::udp, *IpAddress::parse("192.0.2.1"), 53});
  CHECK_FALSE(parts.socket(on_port(54, false)));
  CHECK(parts.socket(on_port(53, false)));
  CHECK(parts.rules().sockets.empty());
}

TEST_CASE("live parts: sockets are bounded, and what finds no room is counted") {
  LiveParts parts{{}};
  for (std::size_t i = 1; i <= kMostSocketsInRules; ++i) {
    CHECK(parts.socket(on_port(static_cast<std::uint16_t>(i))));
  }
  CHECK_FALSE(parts.socket(on_port(60000)));
  CHECK(parts.sockets_refused() == 1);
  CHECK(parts.rules().sockets.size() == kMostSocketsInRules);
  CHECK(parts.socket(on_port(1, false)));
  CHECK(parts.socket(on_port(60000)));
}

TEST_CASE("live parts: interfaces matter where arrival is checked only") {
  LiveParts indifferent{{}};
  CHECK_FALSE(indifferent.interfaces({"eth0"}));
  Config config;
  config.arrival_interface = ArrivalInterface::reauthorize;
  LiveParts parts{config};
  CHECK(parts.interfaces({"eth0"}));
  CHECK_FALSE(parts.interfaces({"eth0"}));
  CHECK(parts.rules().interfaces.size() == 1);
}
