// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <functional>
#include <optional>
#include <string>

#include "catch.hpp"
#include "daemon_under_test.hpp"
#include "echo_server.hpp"
#include "requirements.hpp"
#include "topology.hpp"
#include "traffic.hpp"

// What most of these programs share: two machines, echo servers on both, and the ways between them.
namespace tollgate::test {

inline constexpr std::uint16_t kPort = 7000;
inline constexpr std::array kTransports = {Transport::tcp, Transport::udp, Transport::icmp};

inline std::string accepting_defaults() {
  return "[default]\noutbound = \"permanent-accept\"\ninbound = \"permanent-accept\"\n";
}

inline std::string rule(const std::string& name, const std::string& verdict, const std::string& fields) {
  return "\n[[rule]]\nname = \"" + name + "\"\n" + fields + "\nverdict = \"" + verdict + "\"\n";
}

// Somebody's rules that exempt all UDP of that machine from conntrack.
inline void exempt_udp(const NetworkNamespace& where) {
  in(where, [] {
    must_run({"nft", "add table inet other"});
    for (const char* hook : {"output", "prerouting"}) {
      must_run({"nft", std::string{"add chain inet other "} + hook + " { type filter hook " + hook +
                           " priority raw; }"});
      must_run({"nft", std::string{"add rule inet other "} + hook + " meta l4proto udp notrack"});
    }
  });
}

// Everything between the host and the peer's first name has this verdict, all else passes.
inline std::string peer_has(const std::string& verdict) {
  return accepting_defaults() +
         rule("under test", verdict, "address = [\"" + kPeer.v4 + "\", \"" + kPeer.v6 + "\"]");
}

struct Scene {
  explicit Scene(const DaemonFiles& files, DaemonUnderTest::Start when = DaemonUnderTest::Start::now)
      : daemon{net.host, files, when} {}

  Topology net;
  EchoServer on_peer{net.peer, {kPeer.v4, kPeer.v6, kOther.v4, kOther.v6}, kPort};
  EchoServer on_host{net.host, {kHost.v4, kHost.v6}, kPort};
  DaemonUnderTest daemon;

  std::uint64_t served() const {
    return on_peer.accepted() + on_peer.datagrams() + on_host.accepted() + on_host.datagrams();
  }
};

// From whom to whom: outbound from the host, or inbound from the peer by one of its names.
struct Way {
  std::string direction;
  const NetworkNamespace* client;
  Endpoint to;
  std::optional<Endpoint> from;

  std::string name() const { return direction + " to " + to.address; }
  Socket begin(Transport transport) const {
    return in(*client, [&] { return test::begin(transport, to, from); });
  }
  int talk(Transport transport) const {
    return in(*client, [&] { return test::talk(transport, to, from); });
  }
  // Connected, for TCP; throws when it is not.
  Socket open(Transport transport) const {
    Socket socket = begin(transport);
    if (transport == Transport::tcp) REQUIRE(finish_connect(socket) == 0);
    return socket;
  }
};

inline Way outbound(const Scene& scene, const std::string& to) {
  return {"outbound", &scene.net.host, {to, kPort}, {}};
}
inline Way inbound(const Scene& scene, const std::string& from) {
  const bool v4 = from.find(':') == std::string::npos;
  return {"inbound", &scene.net.peer, {v4 ? kHost.v4 : kHost.v6, kPort}, Endpoint{from, 0}};
}
// Both directions and families, to and from the peer by that name.
inline std::vector<Way> ways(const Scene& scene, const Addresses& peer) {
  return {outbound(scene, peer.v4), outbound(scene, peer.v6), inbound(scene, peer.v4),
          inbound(scene, peer.v6)};
}

// What a refused program is told.
inline int refusal(Transport transport, const Way& way) {
  if (transport == Transport::tcp) return ECONNREFUSED;
  return way.to.family() == AF_INET ? EHOSTUNREACH : EACCES;  // icmp(7); net/ipv6/icmp.c, tab_unreach
}

// The ruleset's handling of rules and packets that are the daemon's own business is not to be seen in
// `received`; what is seen is what was asked.
inline std::uint64_t asked_during(const DaemonUnderTest& daemon, const std::function<void()>& what) {
  const std::uint64_t before = daemon.received();
  what();
  return daemon.received() - before;
}

}  // namespace tollgate::test
