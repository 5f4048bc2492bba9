// SPDX-License-Identifier: GPL-2.0-or-later
// Every field that a rule can have, on packets of the kernel: which rule decided is asked of the daemon.
#include <map>

#include "mmdb_writer.hpp"
#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr unsigned kNobody = 65534;
constexpr unsigned kOneGroup = 4711;

struct Policed {
  explicit Policed(const std::string& rules) : daemon{net.host, {accepting_defaults() + rules}} {}

  // The rule that decides about such a flow from the host; "" when none does.
  std::string outbound(Transport transport, const Endpoint& to, std::uint16_t from_port = 0,
                       std::pair<unsigned, unsigned> owner = {0, 0}) const {
    const Inside host{net.host};
    const bool v4 = to.family() == AF_INET;
    return decided([&] {
      const AsUser user{owner.first, owner.second};
      Socket socket =
          begin(transport, to, Endpoint{v4 ? kHost.v4 : kHost.v6, from_port != 0 ? from_port : new_port()});
      send_one(socket, transport);
      return socket;
    });
  }
  std::string inbound(const Endpoint& to, const std::string& from) const {
    const Inside peer{net.peer};
    return decided([&] {
      Socket socket = begin(Transport::udp, to, Endpoint{from, new_port()});
      send_one(socket, Transport::udp);
      return socket;
    });
  }
  // A flow is found by its port: none is used twice.
  std::uint16_t new_port() const { return ++last_port_; }
  template <class Send>
  std::string decided(Send send) const {
    const Socket socket = send();
    const std::uint16_t port = socket.local().port;
    std::string found;
    wait_until("a decision", [&] {
      for (const FlowEntry& flow : daemon.flows()) {
        if (flow.source_port != port || !flow.verdict) continue;
        found = flow.rule;
        return true;
      }
      return false;
    });
    return found;
  }

  Topology net;
  DaemonUnderTest daemon;

 private:
  mutable std::uint16_t last_port_ = 40'000;
};

constexpr const char* kVerdict = "permanent-drop";

TEST_CASE("ports: one, a range, a list, of one protocol, of the source") {
  const Policed host{rule("one", kVerdict, "port = 7101") + rule("range", kVerdict, "port = \"7110-7119\"") +
                     rule("list", kVerdict, "port = [7120, \"tcp/7122\", \"udp/7130-7139\"]") +
                     rule("source", kVerdict, "source_port = \"6000-6009\"")};
  const auto tcp = [&](std::uint16_t port) { return host.outbound(Transport::tcp, {kPeer.v4, port}); };
  const auto udp = [&](std::uint16_t port) { return host.outbound(Transport::udp, {kPeer.v6, port}); };
  CHECK(tcp(7101) == "one");
  CHECK(udp(7101) == "one");
  CHECK(tcp(7102).empty());
  CHECK(tcp(7109).empty());
  CHECK(tcp(7110) == "range");
  CHECK(udp(7119) == "range");
  CHECK(tcp(7120) == "list");
  CHECK(udp(7120) == "list");
  CHECK(tcp(7122) == "list");
  CHECK(udp(7122).empty());
  CHECK(tcp(7135).empty());
  CHECK(udp(7135) == "list");
  CHECK(host.outbound(Transport::udp, {kPeer.v4, 9}, 6005) == "source");
  CHECK(host.outbound(Transport::udp, {kPeer.v4, 9}, 6010).empty());
}

TEST_CASE("addresses: one, a network, either end, the remote end") {
  const Policed host{
      rule("a network", kVerdict, "destination = [\"198.51.100.0/24\", \"2001:db8:1::/48\"]") +
      rule("one", kVerdict, "destination = \"192.0.2.1\"") +
      rule("the other", kVerdict, "address = [\"" + kOther.v4 + "\", \"" + kOther.v6 + "\"]") +
      rule("from us", kVerdict, "direction = \"outbound\"\nport = 7200\nsource = \"" + kHost.v4 + "\"")};
  const auto udp = [&](const std::string& to, std::uint16_t port = 9) {
    return host.outbound(Transport::udp, {to, port});
  };
  CHECK(udp("198.51.100.1") == "a network");
  CHECK(udp("198.51.101.1").empty());
  CHECK(udp("2001:db8:1:2::3") == "a network");
  CHECK(udp("2001:db8:2::3").empty());
  CHECK(udp("192.0.2.1") == "one");
  CHECK(udp("192.0.2.2").empty());
  CHECK(udp(kOther.v4) == "the other");
  CHECK(udp(kOther.v6) == "the other");
  CHECK(host.inbound({kHost.v4, 9}, kOther.v4) == "the other");
  CHECK(host.inbound({kHost.v6, 9}, kOther.v6) == "the other");
  CHECK(host.inbound({kHost.v4, 9}, kPeer.v4).empty());
  CHECK(udp(kPeer.v4, 7200) == "from us");
  CHECK(udp(kPeer.v6, 7200).empty());
}

TEST_CASE("lists of addresses come from files, and a reload reads them again") {
  const Topology net;
  const DaemonFiles files{accepting_defaults() + "[list.bad]\naddresses = \"lists/bad.txt\"\n" +
                          rule("bad ones", "permanent-block", "address = \"@bad\"")};
  DaemonUnderTest daemon{net.host, files, DaemonUnderTest::Start::later};
  daemon.write_list("lists/bad.txt", "# comment\n" + kOther.v4 + "\nfd77::3/128\n");
  daemon.start();
  const EchoServer server{net.peer, {kPeer.v4, kPeer.v6, kOther.v4, kOther.v6}, kPort};
  const Inside host{net.host};
  for (const std::string& address : kOther.both())
    REQUIRE(talk(Transport::tcp, {address, kPort}) == ECONNREFUSED);
  for (const std::string& address : kPeer.both()) REQUIRE(talk(Transport::tcp, {address, kPort}) == 0);
  daemon.write_list("lists/bad.txt", kPeer.v4 + "\n");
  REQUIRE(daemon.tollgate({"reload"}).status == 0);
  REQUIRE(talk(Transport::tcp, {kOther.v4, kPort}) == 0);
  REQUIRE(talk(Transport::tcp, {kPeer.v4, kPort}) == ECONNREFUSED);
}

TEST_CASE("how far away, in which country, of which autonomous system") {
  const Topology net;
  const DaemonFiles files{accepting_defaults() +
                          "[places]\ncountry = \"places.mmdb\"\nasn = \"places.mmdb\"\n" +
                          rule("the system", "permanent-block", "asn = \"AS64500\"") +
                          rule("abroad", "permanent-block", "country = [\"FR\", \"IT\"]") +
                          rule("here", "permanent-block", "port = 7301\nscope = [\"lan\", \"internet\"]")};
  DaemonUnderTest daemon{net.host, files, DaemonUnderTest::Start::later};
  const auto places = [&](const std::string& country) {
    MmdbWriter database;
    for (const std::string& address : kPeer.both()) database.country(address, country);
    for (const std::string& address : kOther.both()) database.asn(address, 64500);
    const Bytes bytes = database.build();
    daemon.write_list("places.mmdb", {bytes.begin(), bytes.end()});
  };
  places("DE");
  daemon.start();
  const EchoServer server{net.peer, {kPeer.v4, kPeer.v6, kOther.v4, kOther.v6}, kPort};
  const Inside host{net.host};
  for (const std::string& address : kOther.both())
    REQUIRE(talk(Transport::tcp, {address, kPort}) == ECONNREFUSED);
  for (const std::string& address : kPeer.both()) REQUIRE(talk(Transport::tcp, {address, kPort}) == 0);
  REQUIRE(talk(Transport::tcp, {kPeer.v4, 7301}) == ECONNREFUSED);
  REQUIRE(daemon.flow_to(7301).rule == "here");
  // Another edition counts once the policy is read again.
  places("FR");
  REQUIRE(daemon.tollgate({"reload"}).status == 0);
  for (const std::string& address : kPeer.both())
    REQUIRE(talk(Transport::tcp, {address, kPort}) == ECONNREFUSED);
}

TEST_CASE("user and group are those of the socket, also of one that root made for them") {
  const Policed host{rule("nobody", kVerdict, "user = \"nobody\"") +
                     rule("by number", kVerdict, "user = 12345") +
                     rule("the group", kVerdict, "group = " + std::to_string(kOneGroup)) +
                     rule("nobody's", kVerdict, "user = \"unknown\"")};
  const auto as = [&](unsigned uid, unsigned gid, Transport transport, const std::string& to) {
    return host.outbound(transport, {to, 9}, 0, {uid, gid});
  };
  for (const std::string& address : kPeer.both()) {
    for (const Transport transport : {Transport::tcp, Transport::udp}) {
      INFO(to_string(transport) << " to " << address);
      CHECK(as(kNobody, kNobody, transport, address) == "nobody");
      CHECK(as(12345, 1, transport, address) == "by number");
      CHECK(as(1, kOneGroup, transport, address) == "the group");
      CHECK(as(1, 1, transport, address).empty());
      CHECK(host.outbound(transport, {address, 9}).empty());
    }
  }
  CHECK(host.inbound({kHost.v4, 9}, kPeer.v4) == "nobody's");
  std::map<std::uint32_t, int> users;
  for (const FlowEntry& flow : host.daemon.flows()) {
    if (flow.uid) ++users[*flow.uid];
  }
  CHECK(users == std::map<std::uint32_t, int>{{0, 4}, {1, 8}, {12345, 4}, {kNobody, 4}});
}

TEST_CASE("interfaces match by name and glob") {
  const Policed host{rule("by glob", kVerdict, "interface = \"wan*\"\nport = 7301") +
                     rule("by name", kVerdict, "interface = \"wan0\"\nport = 7302") +
                     rule("another", kVerdict, "interface = [\"lan*\", \"wan00\"]")};
  CHECK(host.outbound(Transport::udp, {kPeer.v4, 7301}) == "by glob");
  CHECK(host.outbound(Transport::udp, {kPeer.v6, 7302}) == "by name");
  CHECK(host.outbound(Transport::udp, {kPeer.v4, 7303}).empty());
  CHECK(host.inbound({kHost.v4, 7301}, kPeer.v4) == "by glob");
  for (const FlowEntry& flow : host.daemon.flows()) CHECK(flow.interface == kHostLink);
}

TEST_CASE("protocol and direction") {
  const Policed host{rule("udp in", kVerdict, "protocol = \"udp\"\ndirection = \"inbound\"") +
                     rule("tcp", kVerdict, "protocol = \"tcp\"") +
                     rule("pings", "block", "protocol = [\"icmp\", \"icmpv6\"]\ndirection = \"outbound\"")};
  CHECK(host.inbound({kHost.v4, 9}, kPeer.v4) == "udp in");
  CHECK(host.outbound(Transport::udp, {kPeer.v4, 9}).empty());
  CHECK(host.outbound(Transport::tcp, {kPeer.v4, 9}) == "tcp");
  CHECK(in(host.net.host, [&] { return talk(Transport::icmp, {kPeer.v4, 0}); }) == EHOSTUNREACH);
  CHECK(in(host.net.host, [&] { return talk(Transport::icmp, {kPeer.v6, 0}); }) == EACCES);
  CHECK(in(host.net.peer, [&] { return talk(Transport::icmp, {kHost.v4, 0}); }) == 0);
}

TEST_CASE("the first rule that matches decides") {
  const Policed host{rule("first", "permanent-accept", "port = \"7400-7402\"") +
                     rule("second", kVerdict, "port = \"7402-7404\"") + rule("third", kVerdict, "")};
  CHECK(host.outbound(Transport::tcp, {kPeer.v4, 7402}) == "first");
  CHECK(host.outbound(Transport::tcp, {kPeer.v4, 7403}) == "second");
  CHECK(host.outbound(Transport::tcp, {kPeer.v4, 7405}) == "third");
}

}  // namespace
