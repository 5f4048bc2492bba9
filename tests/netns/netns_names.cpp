// SPDX-License-Identifier: GPL-2.0-or-later
// For whom flows are meant: names from DNS that the kernel carries, with real resolvers and programs.
#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>

#include "dns_builder.hpp"
#include "name_world.hpp"
#include "nameserver.hpp"
#include "scene.hpp"
#include "tollgate/wire/text.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr std::uint16_t kClosed = 7100;  // and those behind it: nobody listens there

struct World {
  explicit World(const std::string& tables = "")
      : server{nameserver(net.peer, kPeer, 53, answers("test", kPeer))},
        daemon{net.host, {accepting_defaults(), "", tables + kOwnersMatter}} {}

  Topology net;
  Process server;
  DaemonUnderTest daemon;
};

// A program that resolves by this server, as glibc does it.
Finished with_resolver(const NetworkNamespace& where, const std::string& server, const std::string& command) {
  const TemporaryDirectory folder;
  const std::string file = folder.write("resolv.conf", "nameserver " + server + "\n");
  const std::string mounts = "mount --bind " + file + " /etc/resolv.conf && ";
  return in(where, [&] { return run({"unshare", "--mount", "sh", "-c", mounts + "exec " + command}); });
}

Finished curl(const World& world, const std::string& server, const std::string& host, std::uint16_t port,
              const std::string& options = "") {
  return with_resolver(world.net.host, server,
                       "curl -s -g -m 60 " + options + " http://" + host + ":" + std::to_string(port) + "/");
}

std::string dig(const World& world, const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"dig", "+short", "+tries=3", "+time=20"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return in(world.net.host, [&] { return run(command).output; });
}

// To a port where nobody listens: the connection is let through, and is refused by the peer.
void connect_to(const World& world, const std::string& address, std::uint16_t port) {
  in(world.net.host, [&] { return talk(Transport::tcp, {address, port}, {}); });
}

std::string meant(const World& world, std::uint16_t port) {
  const FlowEntry flow = world.daemon.flow_to(port);
  return flow.domain.value_or("-") + " " + flow.domain_source.value_or("-");
}

}  // namespace

TEST_CASE("the connection that follows an answer has its name, every time") {
  TOLLGATE_NEEDS("dnsmasq", "curl");
  const World world;
  for (std::uint16_t i = 0; i < 30; ++i) {
    const std::string name = "n" + std::to_string(i) + ".test";
    const auto port = static_cast<std::uint16_t>(kClosed + i);
    CHECK(curl(world, kPeer.v4, name, port, "-4").status == 7);
    CHECK(meant(world, port) == name + " dns");
  }
  const Status::Names names = world.daemon.status().names;
  CHECK(names.dns);
  CHECK(names.answers >= 30);
  CHECK(names.copies >= 30);  // one question of each program at most was queued
  CHECK(names.unasked == 0);
  CHECK(names.malformed == 0);
  CHECK(names.lost == 0);
}

TEST_CASE("over TCP, of IPv6, by IPv6") {
  TOLLGATE_NEEDS("dnsmasq", "dig");
  const World world;
  CHECK(dig(world, {"@" + kPeer.v4, "+tcp", "tcp.test", "A"}) == kPeer.v4 + "\n");
  connect_to(world, kPeer.v4, kClosed);
  CHECK(meant(world, kClosed) == "tcp.test dns");
  CHECK(dig(world, {"@" + kPeer.v6, "six.test", "AAAA"}) == kPeer.v6 + "\n");
  connect_to(world, kPeer.v6, kClosed + 1);
  CHECK(meant(world, kClosed + 1) == "six.test dns");
  CHECK(dig(world, {"@" + kPeer.v6, "+tcp", "both.test", "AAAA"}) == kPeer.v6 + "\n");
  connect_to(world, kPeer.v6, kClosed + 2);
  CHECK(meant(world, kClosed + 2) == "both.test dns");
}

TEST_CASE("a stub on loopback, which nobody asks about, tells the names too") {
  TOLLGATE_NEEDS("dnsmasq", "curl");
  const World world;
  const Process stub =
      nameserver(world.net.host, kLoopback, 53, {"--server=" + kPeer.v4, "--cache-size=100"});
  CHECK(curl(world, kLoopback.v4, "stub.test", kClosed, "-4").status == 7);
  CHECK(meant(world, kClosed) == "stub.test dns");
  // From its cache: nothing goes out.
  const std::uint64_t questions = world.daemon.status().names.questions;
  CHECK(dig(world, {"@" + kPeer.v4, "other.test"}) == kPeer.v4 + "\n");
  CHECK(curl(world, kLoopback.v4, "stub.test", kClosed + 1, "-4").status == 7);
  CHECK(meant(world, kClosed + 1) == "stub.test dns");
  CHECK(world.daemon.status().names.questions > questions);
  CHECK(curl(world, kLoopback.v6, "six.test", kClosed + 2, "-6").status == 7);
  CHECK(meant(world, kClosed + 2) == "six.test dns");
}

TEST_CASE("a program has the names that it was told, the others those that somebody was told") {
  TOLLGATE_NEEDS("dnsmasq", "curl", "dig");
  const World world;
  CHECK(curl(world, kPeer.v4, "mine.test", kClosed, "-4").status == 7);
  CHECK(dig(world, {"@" + kPeer.v4, "theirs.test"}) == kPeer.v4 + "\n");
  CHECK(curl(world, kPeer.v4, kPeer.v4, kClosed + 1).status == 7);
  const std::string name = meant(world, kClosed + 1);
  INFO(world.daemon.log());
  CHECK(name == "mine.test dns");
  connect_to(world, kPeer.v4, kClosed + 2);
  CHECK(meant(world, kClosed + 2) == "theirs.test dns");
}

TEST_CASE("who asks a stub on loopback is known where eBPF sees it") {
  TOLLGATE_NEEDS("dnsmasq", "curl", "dig");
  const World world;
  const bool seen = !world.daemon.status().attribution.programs.empty();
  const Process stub = nameserver(world.net.host, kLoopback, 53, {"--server=" + kPeer.v4});
  CHECK(curl(world, kLoopback.v4, "mine.test", kClosed, "-4").status == 7);
  CHECK(dig(world, {"@" + kLoopback.v4, "theirs.test"}) == kPeer.v4 + "\n");
  CHECK(curl(world, kLoopback.v4, kPeer.v4, kClosed + 1).status == 7);
  CHECK(meant(world, kClosed + 1) == (seen ? "mine.test dns" : "theirs.test dns"));
}

TEST_CASE("a gateway knows for whom the connections of those behind it are meant") {
  TOLLGATE_NEEDS("dnsmasq", "dig");
  const Topology net{Machines::three};
  const Process server = nameserver(net.peer, kPeer, 53, answers("test", kPeer));
  const DaemonUnderTest daemon{
      net.host, {accepting_defaults() + "forward = \"permanent-accept\"\n", "forward = true\n"}};
  for (const char* how : {"+notcp", "+tcp"}) {
    const auto port = static_cast<std::uint16_t>(kClosed + (how[1] == 't' ? 1 : 0));
    const std::string name = std::string{"behind"} + (how + 1) + ".test";
    in(*net.inner, [&] {
      CHECK(run({"dig", "@" + kPeer.v4, "+short", "+time=20", how, name}).output == kPeer.v4 + "\n");
      talk(Transport::tcp, {kPeer.v4, port}, {});
    });
    const FlowEntry flow = daemon.flow_to(port);
    CHECK(flow.direction == "forward");
    CHECK(flow.domain == name);
    CHECK(flow.domain_source == "dns");
  }
}

TEST_CASE("what nobody asked for names nothing") {
  TOLLGATE_NEEDS("dnsmasq");
  const World world;
  const Endpoint client{kHost.v4, 5000};
  const auto send = [](const NetworkNamespace& where, const Endpoint& from, const Endpoint& to,
                       const Bytes& message) {
    in(where, [&] {
      const Socket socket{from.family(), SOCK_DGRAM};
      socket.bind_to(from);
      const SocketAddress address = to_socket_address(to);
      REQUIRE(::sendto(socket.fd(), message.data(), message.size(), 0, address.get(), address.length) ==
              static_cast<ssize_t>(message.size()));
    });
  };
  // A question that waits, to a server that says nothing.
  send(world.net.host, client, {kOther.v4, 53}, DnsBuilder{77}.question("asked.test").build());
  const auto answer = [](std::size_t id, const std::string& name) {
    return DnsBuilder{id, true}.question(name).a(name, kPeer.v4).build();
  };
  send(world.net.peer, {kOther.v4, 53}, client, answer(78, "asked.test"));   // another id
  send(world.net.peer, {kOther.v4, 53}, client, answer(77, "forged.test"));  // another name
  send(world.net.peer, {kPeer.v4, 5300}, client, answer(77, "asked.test"));  // from another port
  wait_until("two answers", [&] { return world.daemon.status().names.unasked == 2; });
  connect_to(world, kPeer.v4, kClosed);
  CHECK(meant(world, kClosed) == "- -");
  send(world.net.peer, {kOther.v4, 53}, client, answer(77, "asked.test"));
  wait_until("the answer", [&] { return world.daemon.status().names.answers == 1; });
  connect_to(world, kPeer.v4, kClosed + 1);
  CHECK(meant(world, kClosed + 1) == "asked.test dns");
}

TEST_CASE("names.dns = false copies nothing, and what is queued still tells its part") {
  TOLLGATE_NEEDS("dnsmasq", "dig");
  const World world{"[names]\ndns = false\n"};
  CHECK(dig(world, {"@" + kPeer.v4, "unseen.test"}) == kPeer.v4 + "\n");
  connect_to(world, kPeer.v4, kClosed);
  CHECK(meant(world, kClosed) == "- -");
  const Status::Names names = world.daemon.status().names;
  CHECK_FALSE(names.dns);
  CHECK(names.copies == 0);
  CHECK(names.questions == 1);
  CHECK(names.answers == 0);
}
