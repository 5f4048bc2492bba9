// SPDX-License-Identifier: GPL-2.0-or-later
// sock_diag against the real kernel, in a network namespace of each test's own.
#include <algorithm>
#include <functional>
#include <vector>

#include "addressed_netns.hpp"
#include "catch.hpp"
#include "linux/socket_diag.hpp"
#include "netns.hpp"
#include "tcp_pair.hpp"
#include "udp_peer.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

SocketEvents open_events(LoopbackHandling loopback = LoopbackHandling::decide) {
  auto events = SocketEvents::open(loopback);
  REQUIRE(events);
  return std::move(*events);
}

SocketDiag open_diag() {
  auto diag = SocketDiag::open();
  REQUIRE(diag);
  return std::move(*diag);
}

std::vector<SocketEntry> receive(SocketEvents& events, std::size_t count) {
  std::vector<SocketEntry> all;
  while (all.size() < count) {
    if (!readable(events.fd())) throw std::runtime_error{"no event of a socket came"};
    events.receive(64, [&](const SocketEntry& entry) { all.push_back(entry); });
  }
  return all;
}

bool has(const std::vector<SocketEntry>& entries, const FiveTuple& tuple) {
  return std::any_of(entries.begin(), entries.end(),
                     [&](const SocketEntry& entry) { return entry.tuple == tuple; });
}

// A tuple of a UDP socket that is bound to every address and connected to nobody.
FiveTuple unconnected(std::uint16_t port) {
  FiveTuple tuple;
  tuple.protocol = Protocol::udp;
  tuple.family = Family::ipv6;
  tuple.source_port = port;
  return tuple;
}

}  // namespace

TEST_CASE("netns: both ends of a TCP connection are told when they are gone, and who listened") {
  in_addressed_netns([] {
    const std::string address = GENERATE("192.0.2.1", "2001:db8::1");
    auto events = open_events();
    REQUIRE(events.tell_tcp(true));
    FiveTuple tuple;
    {
      const TcpPair pair{address};
      tuple = pair.tuple();
    }
    std::uint16_t last = 0;
    {
      const UdpPeer udp;
      last = udp.port();
    }
    const auto gone = receive(events, 4);
    CHECK(gone.size() == 4);
    FiveTuple listener = tuple.reversed();
    listener.destination = {};
    listener.destination_port = 0;
    CHECK(has(gone, listener));
    CHECK(has(gone, tuple));
    CHECK(has(gone, tuple.reversed()));
    CHECK(has(gone, unconnected(last)));
  });
}

TEST_CASE("netns: a UDP socket that is gone, with its port, connected or not") {
  in_addressed_netns([] {
    auto events = open_events();
    std::uint64_t cookie = 0;
    std::uint16_t port = 0;
    {
      UdpPeer peer;
      port = peer.port();
      auto diag = open_diag();
      const auto found = diag.find(unconnected(port));
      REQUIRE(found);
      cookie = found->cookie;
      const int never_bound = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      ::close(never_bound);
    }
    const auto gone = receive(events, 1);
    REQUIRE(gone.size() == 1);
    CHECK(gone[0].tuple == unconnected(port));
    CHECK(gone[0].cookie == cookie);
    CHECK(cookie != 0);
  });
}

TEST_CASE("netns: with loopback exempt its sockets end unheard") {
  in_addressed_netns([] {
    auto events = open_events(LoopbackHandling::exempt);
    REQUIRE(events.tell_tcp(true));
    for (const char* address : {"127.0.0.1", "::1"}) const TcpPair pair{address};
    FiveTuple tuple;
    {
      const TcpPair pair{"192.0.2.1"};
      tuple = pair.tuple();
    }
    const auto gone = receive(events, 3);
    CHECK(gone.size() == 3);
    CHECK(has(gone, tuple));
  });
}

TEST_CASE("netns: a socket is found by its tuple, IPv4 on an IPv6 socket too; who listens is not it") {
  in_addressed_netns([] {
    const std::string address = GENERATE("192.0.2.1", "2001:db8::1");
    auto diag = open_diag();
    FiveTuple tuple;
    {
      const TcpPair pair{address};
      tuple = pair.tuple();
      const auto client = diag.find(tuple);
      const auto server = diag.find(tuple.reversed());
      REQUIRE(client);
      REQUIRE(server);
      CHECK(client->tuple == tuple);
      CHECK(client->uid == 0);
      CHECK(client->inode != 0);
      CHECK(client->cookie != server->cookie);
      FiveTuple stranger = tuple.reversed();
      ++stranger.destination_port;
      CHECK_FALSE(diag.find(stranger));  // the listener would have been
    }
    tuple.protocol = Protocol::udp;
    CHECK_FALSE(diag.find(tuple));
  });
}

TEST_CASE("netns: a UDP socket is found by whom it hears") {
  in_addressed_netns([] {
    const std::string address = GENERATE("192.0.2.1", "2001:db8::1");
    auto diag = open_diag();
    const UdpPeer peer;
    FiveTuple tuple;
    const IpAddress parsed = IpAddress::parse(address).value();
    tuple.protocol = Protocol::udp;
    tuple.family = parsed.family();
    tuple.source = parsed.bytes();
    tuple.source_port = peer.port();
    tuple.destination = parsed.bytes();
    tuple.destination_port = 53;
    const auto found = diag.find(tuple);
    REQUIRE(found);
    CHECK(found->tuple.source_port == peer.port());
    ++tuple.source_port;
    CHECK_FALSE(diag.find(tuple));
  });
}

TEST_CASE("netns: a TCP socket is ended: its program hears of it, the other end too, the listener stays") {
  in_addressed_netns([] {
    auto diag = open_diag();
    if (!diag.can_destroy()) {
      WARN("SKIPPED: this kernel has no CONFIG_INET_DIAG_DESTROY");
      return;
    }
    const std::string address = GENERATE("192.0.2.1", "2001:db8::1");
    const TcpPair pair{address};
    pair.talk();
    CHECK(diag.destroy(pair.tuple().reversed()) == SocketDiag::Destroyed::done);
    char byte = 0;
    REQUIRE(readable(pair.server()));
    CHECK(::recv(pair.server(), &byte, 1, MSG_DONTWAIT) == -1);
    CHECK(errno == ECONNABORTED);
    REQUIRE(readable(pair.client()));
    CHECK(::recv(pair.client(), &byte, 1, MSG_DONTWAIT) == -1);
    CHECK(errno == ECONNRESET);
    CHECK(diag.destroy(pair.tuple().reversed()) == SocketDiag::Destroyed::gone);
    const int another = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in6 to = socket_address(address, pair.tuple().destination_port);
    CHECK(::connect(another, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    ::close(another);
  });
}

TEST_CASE("netns: a socket bound to an interface is found by that interface only") {
  in_addressed_netns([] {
    auto diag = open_diag();
    const UdpPeer other;
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    REQUIRE(::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) == 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    ::inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
    REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    sockaddr_in local{};
    socklen_t size = sizeof local;
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) == 0);
    FiveTuple tuple;
    const IpAddress address = IpAddress::parse("192.0.2.1").value();
    tuple.protocol = Protocol::udp;
    tuple.source = tuple.destination = address.bytes();
    tuple.source_port = ntohs(local.sin_port);
    tuple.destination_port = 9;
    CHECK_FALSE(diag.find(tuple));
    CHECK(diag.find(tuple, 1));
    ::close(fd);
  });
}
