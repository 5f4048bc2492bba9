// SPDX-License-Identifier: GPL-2.0-or-later
// The harness itself, without the daemon: were it broken, every other program here would say nothing.
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "catch.hpp"
#include "echo_server.hpp"
#include "topology.hpp"

using namespace tollgate::test;

namespace {

constexpr std::uint16_t kPort = 7000;

TEST_CASE("without a firewall everything reaches everybody, both families, both ways") {
  const Topology net{Machines::three};
  const EchoServer in_peer{net.peer, {kPeer.v4, kPeer.v6}, kPort};
  const EchoServer in_inner{*net.inner, {kInner.v4, kInner.v6}, kPort};
  for (const Transport transport : {Transport::tcp, Transport::udp, Transport::icmp}) {
    INFO(to_string(transport));
    for (const std::string& address : kPeer.both()) {
      REQUIRE(in(net.host, [&] { return talk(transport, {address, kPort}); }) == 0);
      REQUIRE(in(*net.inner, [&] { return talk(transport, {address, kPort}); }) == 0);
    }
    for (const std::string& address : kInner.both()) {
      REQUIRE(in(net.peer, [&] { return talk(transport, {address, kPort}); }) == 0);
    }
  }
  REQUIRE(in_peer.accepted() == 4);
  REQUIRE(in_peer.datagrams() == 4);
  REQUIRE(in_peer.originals() == std::vector<Endpoint>(4));
}

TEST_CASE("a closed port refuses, with the errno of its protocol") {
  const Topology net;
  for (const std::string& address : kPeer.both()) {
    REQUIRE(in(net.host, [&] { return talk(Transport::tcp, {address, 9}); }) == ECONNREFUSED);
    REQUIRE(in(net.host, [&] { return talk(Transport::udp, {address, 9}); }) == ECONNREFUSED);
  }
}

TEST_CASE("a megabyte comes back as it was sent") {
  const Topology net;
  const EchoServer server{net.peer, kPeer.both(), kPort};
  const Inside host{net.host};
  const Socket stream = begin(Transport::tcp, {kPeer.v4, kPort});
  REQUIRE(finish_connect(stream) == 0);
  REQUIRE(exchange(stream, Transport::tcp, 1 << 20) == 0);
}

TEST_CASE("a socket of another user is that user's, and the thread is root again afterwards") {
  const Topology net;
  const auto in_table = [](unsigned uid) {
    const std::string sockets = must_run({"ss", "-uaen"});
    return sockets.find("uid:" + std::to_string(uid)) != std::string::npos;
  };
  const Inside host{net.host};
  Socket socket;
  {
    const AsUser nobody{65534, 65534};
    socket = begin(Transport::udp, {kPeer.v4, kPort});
    REQUIRE(::geteuid() == 65534);
  }
  REQUIRE(::geteuid() == 0);
  REQUIRE(in_table(65534));
  REQUIRE(!in_table(65533));
}

TEST_CASE("programs say how they ended, and what they said") {
  const Finished finished = run({"sh", "-c", "echo out; echo err >&2; exit 3"});
  REQUIRE(finished.status == 3);
  REQUIRE(finished.output == "out\n");
  REQUIRE(finished.errors == "err\n");
  REQUIRE(run({"sh", "-c", "kill -9 $$"}).status != 0);
  REQUIRE_THROWS(must_run({"false"}));
  REQUIRE_THROWS(run({"tollgate-no-such-program"}));
}

}  // namespace
