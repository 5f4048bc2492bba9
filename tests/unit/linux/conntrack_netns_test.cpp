// SPDX-License-Identifier: GPL-2.0-or-later
// ctnetlink against the real kernel, in a network namespace of each test's own.
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/ip_icmp.h>

#include <map>
#include <string>
#include <vector>

#include "catch.hpp"
#include "linux/conntrack.hpp"
#include "linux/netlink_socket.hpp"
#include "netns.hpp"
#include "queue_message_builder.hpp"
#include "udp_peer.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr std::uint32_t kMask = 0x0f000000;

// A namespace with loopback, two more addresses, and connection tracking of both families: the
// kernel tracks where some rule wants it.
void in_tracking_netns(const std::function<void()>& body) {
  if (const char* why = no_netns()) {
    WARN("SKIPPED: " << why);
    return;
  }
  in_netns([&] {
    must_run("ip link set lo up");
    must_run("ip address add 192.0.2.1/32 dev lo");
    must_run("ip address add 2001:db8::1/128 dev lo nodad");
    must_run("iptables -w -A INPUT -m conntrack --ctstate INVALID -j DROP");
    must_run("ip6tables -w -A INPUT -m conntrack --ctstate INVALID -j DROP");
    body();
  });
}

std::unique_ptr<Conntrack> open_conntrack(LoopbackHandling loopback = LoopbackHandling::decide) {
  auto conntrack = Conntrack::open(kMask, loopback);
  REQUIRE(conntrack);
  return std::move(*conntrack);
}

FiveTuple udp_tuple(const std::string& address, std::uint16_t source_port, std::uint16_t destination_port) {
  FiveTuple tuple;
  const IpAddress parsed = IpAddress::parse(address).value();
  tuple.source = tuple.destination = parsed.bytes();
  tuple.family = parsed.family();
  tuple.protocol = Protocol::udp;
  tuple.source_port = source_port;
  tuple.destination_port = destination_port;
  return tuple;
}

// One datagram, so one entry in the table.
FiveTuple make_flow(UdpPeer& from, UdpPeer& to, const std::string& address) {
  from.send("x", address, to.port());
  to.receive();
  return udp_tuple(address, from.port(), to.port());
}

std::map<std::string, std::uint32_t> table(Conntrack& conntrack) {
  std::map<std::string, std::uint32_t> marks;
  const auto count = conntrack.dump(
      [&](const ConntrackEntry& entry, std::uint32_t mark) { marks[entry.original.to_string()] = mark; });
  REQUIRE(count);
  CHECK(*count == marks.size());
  return marks;
}

// As `conntrack -D` would.
void delete_entry(const FiveTuple& tuple) {
  QueueMessage message{0, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE};
  message.header()->nlmsg_flags = NLM_F_REQUEST;
  auto* const family = static_cast<nfgenmsg*>(mnl_nlmsg_get_payload(message.header()));
  family->nfgen_family = tuple.family == Family::ipv4 ? AF_INET : AF_INET6;
  put_original_tuple(message.header(), tuple);
  auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
  REQUIRE(socket);
  REQUIRE(socket->send(message.bytes()) == 0);
}

// Sends one ICMP echo request with this id to 127.0.0.1; the kernel answers it.
FiveTuple ping(std::uint16_t id) {
  const int fd = ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
  REQUIRE(fd >= 0);
  std::array<std::uint8_t, 8> echo{
      ICMP_ECHO, 0, 0, 0, static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id & 0xff), 0, 1};
  const std::uint32_t sum = (ICMP_ECHO << 8) + id + 1;
  const std::uint32_t checksum = ~((sum & 0xffff) + (sum >> 16));
  echo[2] = static_cast<std::uint8_t>(checksum >> 8);
  echo[3] = static_cast<std::uint8_t>(checksum);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(::sendto(fd, echo.data(), echo.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 8);
  ::close(fd);
  FiveTuple tuple = udp_tuple("127.0.0.1", id, ICMP_ECHO * 256);
  tuple.protocol = Protocol::icmp;
  return tuple;
}

std::vector<ConntrackChanged> events(Conntrack& conntrack, std::size_t count) {
  std::vector<ConntrackChanged> all;
  while (all.size() < count) {
    if (!readable(conntrack.event_fd())) throw std::runtime_error{"no conntrack event came"};
    conntrack.receive_events(64, [&](const ConntrackChanged& change) { all.push_back(change); });
  }
  return all;
}

}  // namespace

TEST_CASE("netns: the dump has the flows of both families") {
  in_tracking_netns([] {
    const auto conntrack = open_conntrack();
    CHECK(table(*conntrack).empty());
    UdpPeer from, to;
    const FiveTuple v4 = make_flow(from, to, "192.0.2.1");
    const FiveTuple v6 = make_flow(from, to, "2001:db8::1");
    const FiveTuple icmp = ping(77);
    const auto marks = table(*conntrack);
    CHECK(marks.size() == 3);
    CHECK(marks.count(v4.to_string()) == 1);
    CHECK(marks.count(v6.to_string()) == 1);
    CHECK(marks.count(icmp.to_string()) == 1);
  });
}

TEST_CASE("netns: a mark is written into its field and no other bit") {
  in_tracking_netns([] {
    must_run("iptables -w -t mangle -A OUTPUT -m conntrack --ctstate NEW -j CONNMARK --set-mark 0x05000100");
    const auto conntrack = open_conntrack();
    UdpPeer from, to;
    const FiveTuple v4 = make_flow(from, to, "192.0.2.1");
    const FiveTuple v6 = make_flow(from, to, "2001:db8::1");
    const FiveTuple icmp = ping(78);
    const FiveTuple gone = udp_tuple("192.0.2.1", 1, 2);
    const std::vector<SetMark> marks{
        {v4, FlowMark::accept}, {gone, FlowMark::accept}, {v6, FlowMark::drop}, {icmp, FlowMark::undecided}};
    conntrack->set_marks(marks);
    const ConntrackCounters counters = conntrack->counters();
    CHECK(counters.marks_set == 3);
    CHECK(counters.mark_misses == 1);
    CHECK(counters.mark_errors == 0);
    const auto found = table(*conntrack);
    CHECK(found.at(v4.to_string()) == 0x01000100);
    CHECK(found.at(v6.to_string()) == 0x03000000);
    CHECK(found.at(icmp.to_string()) == 0x00000100);
    CHECK(found.size() == 3);  // what is gone was not made anew
  });
}

TEST_CASE("netns: more marks than one batch holds are all acknowledged") {
  in_tracking_netns([] {
    const auto conntrack = open_conntrack();
    UdpPeer to;
    std::vector<SetMark> marks;
    for (int i = 0; i < 300; ++i) {
      UdpPeer from;
      marks.push_back({make_flow(from, to, "192.0.2.1"), FlowMark::block});
    }
    marks.push_back({udp_tuple("192.0.2.1", 1, 2), FlowMark::block});
    conntrack->set_marks(marks);
    // A port that the kernel chose twice names one flow twice: each mark is acknowledged all the same.
    CHECK(conntrack->counters().marks_set == 300);
    CHECK(conntrack->counters().mark_misses == 1);
  });
}

TEST_CASE("netns: the end of a flow is an event, with its counters when they are kept") {
  in_tracking_netns([] {
    must_run("sysctl -qw net.netfilter.nf_conntrack_acct=1");
    const auto conntrack = open_conntrack();
    UdpPeer from, to;
    const FiveTuple v4 = make_flow(from, to, "192.0.2.1");
    const FiveTuple v6 = make_flow(from, to, "2001:db8::1");
    to.send("answer", "192.0.2.1", from.port());
    from.receive();
    delete_entry(v4);
    delete_entry(v6);
    const std::vector<ConntrackChanged> changes = events(*conntrack, 2);
    CHECK(changes[0].kind == ConntrackChanged::Kind::destroyed);
    CHECK(changes[0].entry.original == v4);
    CHECK(changes[0].entry.packets == 2U);
    CHECK(changes[0].entry.bytes == 29U + 34U);
    CHECK(changes[1].entry.original == v6);
    CHECK(changes[1].entry.packets == 1U);
    CHECK(conntrack->counters().events == 2);
    CHECK(conntrack->counters().overruns == 0);
  });
}

TEST_CASE("netns: with loopback exempt its events stay in the kernel, and all others come") {
  in_tracking_netns([] {
    const auto all = open_conntrack(LoopbackHandling::decide);
    const auto ours = open_conntrack(LoopbackHandling::exempt);
    UdpPeer from, to;
    for (const char* address : {"127.0.0.1", "::1", "192.0.2.1", "2001:db8::1"}) {
      delete_entry(make_flow(from, to, address));
    }
    CHECK(events(*all, 4).size() == 4);
    const std::vector<ConntrackChanged> changes = events(*ours, 2);
    REQUIRE(changes.size() == 2);
    CHECK(changes[0].entry.original == udp_tuple("192.0.2.1", from.port(), to.port()));
    CHECK(changes[1].entry.original == udp_tuple("2001:db8::1", from.port(), to.port()));
  });
}
