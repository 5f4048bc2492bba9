// SPDX-License-Identifier: GPL-2.0-or-later
// ctnetlink against the real kernel, in a network namespace of each test's own.
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/ip_icmp.h>

#include <map>
#include <string>
#include <vector>

#include "addressed_netns.hpp"
#include "catch.hpp"
#include "linux/conntrack.hpp"
#include "linux/conntrack_dump.hpp"
#include "linux/conntrack_events.hpp"
#include "linux/netlink_socket.hpp"
#include "netns.hpp"
#include "queue_message_builder.hpp"
#include "tcp_pair.hpp"
#include "udp_peer.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr std::uint32_t kMask = 0x0f000000;

// With connection tracking of both families: the kernel tracks where some rule wants it.
void in_tracking_netns(const std::function<void()>& body) {
  in_addressed_netns([&] {
    must_run("iptables -w -A INPUT -m conntrack --ctstate INVALID -j DROP");
    must_run("ip6tables -w -A INPUT -m conntrack --ctstate INVALID -j DROP");
    body();
  });
}

Conntrack open_conntrack() {
  auto conntrack = Conntrack::open(kMask);
  REQUIRE(conntrack);
  return std::move(*conntrack);
}

ConntrackEvents open_events(const ConntrackEventOptions& options = {}) {
  auto events = ConntrackEvents::open(options);
  REQUIRE(events);
  CHECK(events->filtered());
  return std::move(*events);
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

std::vector<ConntrackEntry> whole_table() {
  auto dump = ConntrackDump::open(kMask);
  REQUIRE(dump);
  std::vector<ConntrackEntry> entries;
  for (;;) {
    switch (dump->receive([&](const ConntrackEntry& entry) { entries.push_back(entry); })) {
      case ConntrackDump::Progress::going_on:
        break;
      case ConntrackDump::Progress::done:
        return entries;
      case ConntrackDump::Progress::failed:
        throw std::runtime_error{dump->error()};
    }
  }
}

// The whole marks, foreign bits too.
std::map<std::string, std::uint32_t> table() {
  alignas(8) std::array<char, 64> bytes{};
  const nlmsghdr* const request =
      put_conntrack_request(bytes.data(), IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
  auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
  REQUIRE(socket);
  std::map<std::string, std::uint32_t> marks;
  const int error = socket->dump({reinterpret_cast<const std::uint8_t*>(request), request->nlmsg_len},
                                 [&](const nlmsghdr&, std::span<const std::uint8_t> message) {
                                   const auto decoded = decode_conntrack(message);
                                   if (!decoded) return;
                                   const ConntrackAttributes& found = decoded->attributes;
                                   marks[found.entry.original.to_string()] = found.mark.value_or(0);
                                 });
  CHECK(error == 0);
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

std::vector<ConntrackChanged> receive(ConntrackEvents& events, std::size_t count) {
  std::vector<ConntrackChanged> all;
  while (all.size() < count) {
    if (!readable(events.fd())) throw std::runtime_error{"no conntrack event came"};
    events.receive(64, [&](const ConntrackChanged& message) { all.push_back(message); });
  }
  return all;
}

}  // namespace

TEST_CASE("netns: the dump has the flows of both families") {
  in_tracking_netns([] {
    CHECK(table().empty());
    UdpPeer from, to;
    const FiveTuple v4 = make_flow(from, to, "192.0.2.1");
    const FiveTuple v6 = make_flow(from, to, "2001:db8::1");
    const FiveTuple icmp = ping(77);
    const auto marks = table();
    CHECK(marks.size() == 3);
    CHECK(marks.count(v4.to_string()) == 1);
    CHECK(marks.count(v6.to_string()) == 1);
    CHECK(marks.count(icmp.to_string()) == 1);
    for (const ConntrackEntry& entry : whole_table()) {
      CHECK(entry.id != 0);
      REQUIRE(entry.expires_in);
      if (entry.original == v4) CHECK(entry.reply == v4.reversed());
    }
  });
}

TEST_CASE("netns: a table of many parts comes whole, part by part") {
  in_tracking_netns([] {
    UdpPeer to;
    std::map<std::string, int> made;
    for (int i = 0; i < 600; ++i) {
      UdpPeer from;
      ++made[make_flow(from, to, "192.0.2.1").to_string()];
    }
    auto dump = ConntrackDump::open(kMask);
    REQUIRE(dump);
    int parts = 1;
    std::map<std::string, int> seen;
    while (dump->receive([&](const ConntrackEntry& entry) { ++seen[entry.original.to_string()]; }) ==
           ConntrackDump::Progress::going_on) {
      ++parts;
    }
    CHECK(parts > 2);
    CHECK(seen.size() == made.size());
  });
}

TEST_CASE("netns: a mark is written into its field and no other bit") {
  in_tracking_netns([] {
    must_run("iptables -w -t mangle -A OUTPUT -m conntrack --ctstate NEW -j CONNMARK --set-mark 0x05000100");
    auto conntrack = open_conntrack();
    UdpPeer from, to;
    const FiveTuple v4 = make_flow(from, to, "192.0.2.1");
    const FiveTuple v6 = make_flow(from, to, "2001:db8::1");
    const FiveTuple icmp = ping(78);
    const FiveTuple gone = udp_tuple("192.0.2.1", 1, 2);
    const std::vector<SetMark> marks{
        {v4, FlowMark::accept}, {gone, FlowMark::accept}, {v6, FlowMark::drop}, {icmp, FlowMark::undecided}};
    CHECK(conntrack.set_marks(marks) == MarkCounts{3, 1, 0});
    const auto found = table();
    CHECK(found.at(v4.to_string()) == 0x01000100);
    CHECK(found.at(v6.to_string()) == 0x03000000);
    CHECK(found.at(icmp.to_string()) == 0x00000100);
    CHECK(found.size() == 3);  // what is gone was not made anew
  });
}

TEST_CASE("netns: more marks than one batch holds are all acknowledged") {
  in_tracking_netns([] {
    auto conntrack = open_conntrack();
    UdpPeer to;
    std::vector<SetMark> marks;
    for (int i = 0; i < 300; ++i) {
      UdpPeer from;
      marks.push_back({make_flow(from, to, "192.0.2.1"), FlowMark::block});
    }
    marks.push_back({udp_tuple("192.0.2.1", 1, 2), FlowMark::block});
    // A port that the kernel chose twice names one flow twice: each mark is acknowledged all the same.
    CHECK(conntrack.set_marks(marks) == MarkCounts{300, 1, 0});
  });
}

TEST_CASE("netns: behind NAT an entry is found by the tuple that stands between the two ends") {
  in_tracking_netns([] {
    must_run("iptables -w -t nat -A OUTPUT -d 192.0.2.9 -p udp -j DNAT --to-destination 192.0.2.1");
    must_run("ip route add 192.0.2.9/32 dev lo");
    UdpPeer from, to;
    from.send("x", "192.0.2.9", to.port());
    to.receive();
    const auto entries = whole_table();
    REQUIRE(entries.size() == 1);
    // What INPUT sees: the source of the original direction, the destination behind the NAT.
    const FiveTuple between = entries[0].reply.reversed();
    CHECK(between.destination != entries[0].original.destination);
    auto conntrack = open_conntrack();
    CHECK(conntrack.set_marks(std::vector<SetMark>{{between, FlowMark::block}}) == MarkCounts{1, 0, 0});
    CHECK(whole_table().at(0).mark == FlowMark::block);
  });
}

TEST_CASE("netns: entries are asked for one by one, in batches") {
  in_tracking_netns([] {
    auto conntrack = open_conntrack();
    UdpPeer to;
    std::vector<FiveTuple> tuples;
    for (int i = 0; i < 100; ++i) {
      UdpPeer from;
      tuples.push_back(make_flow(from, to, i % 2 == 0 ? "192.0.2.1" : "2001:db8::1"));
      tuples.push_back(udp_tuple("192.0.2.1", 1, static_cast<std::uint16_t>(i + 1)));
    }
    std::vector<int> heard(tuples.size());
    conntrack.ask(tuples, [&](std::size_t index, Conntrack::Answer answer, const ConntrackEntry& entry) {
      ++heard[index];
      if (index % 2 == 1) {
        CHECK(answer == Conntrack::Answer::gone);
        return;
      }
      REQUIRE(answer == Conntrack::Answer::found);
      CHECK(entry.original == tuples[index]);
      CHECK(entry.expires_in);
    });
    CHECK(heard == std::vector<int>(tuples.size(), 1));
  });
}

TEST_CASE("netns: how full the table is") {
  in_tracking_netns([] {
    auto conntrack = open_conntrack();
    const auto empty = conntrack.load();
    REQUIRE(empty);
    CHECK(empty->entries == 0);
    CHECK(empty->limit > 0);
    UdpPeer from, to;
    make_flow(from, to, "192.0.2.1");
    CHECK(conntrack.load()->entries == 1);
  });
}

TEST_CASE("netns: the end of a flow is an event, with its counters when they are kept") {
  in_tracking_netns([] {
    must_run("sysctl -qw net.netfilter.nf_conntrack_acct=1");
    auto events = open_events();
    UdpPeer from, to;
    const FiveTuple v4 = make_flow(from, to, "192.0.2.1");
    const FiveTuple v6 = make_flow(from, to, "2001:db8::1");
    to.send("answer", "192.0.2.1", from.port());
    from.receive();
    std::map<std::string, std::uint32_t> ids;
    for (const ConntrackEntry& entry : whole_table()) ids[entry.original.to_string()] = entry.id;
    delete_entry(v4);
    delete_entry(v6);
    const std::vector<ConntrackChanged> ended = receive(events, 2);
    CHECK(ended[0].kind == ConntrackChanged::Kind::destroyed);
    CHECK(ended[0].entry.original == v4);
    CHECK(ended[0].entry.id == ids.at(v4.to_string()));
    CHECK(ended[0].entry.packets == 2U);
    CHECK(ended[0].entry.bytes == 29U + 34U);
    CHECK(ended[1].entry.original == v6);
    CHECK(ended[1].entry.packets == 1U);
  });
}

TEST_CASE("netns: with loopback exempt its events stay in the kernel, and all others come") {
  in_tracking_netns([] {
    auto all = open_events();
    auto ours = open_events({kMask, LoopbackHandling::exempt, false});
    UdpPeer from, to;
    for (const char* address : {"127.0.0.1", "::1", "192.0.2.1", "2001:db8::1"}) {
      delete_entry(make_flow(from, to, address));
    }
    CHECK(receive(all, 4).size() == 4);
    const std::vector<ConntrackChanged> ended = receive(ours, 2);
    REQUIRE(ended.size() == 2);
    CHECK(ended[0].entry.original == udp_tuple("192.0.2.1", from.port(), to.port()));
    CHECK(ended[1].entry.original == udp_tuple("2001:db8::1", from.port(), to.port()));
  });
}

TEST_CASE("netns: ICMP's events come where it has flows") {
  in_tracking_netns([] {
    auto with = open_events({kMask, LoopbackHandling::decide, true});
    auto without = open_events();
    const FiveTuple echo = ping(79);
    delete_entry(echo);
    UdpPeer from, to;
    const FiveTuple last = make_flow(from, to, "192.0.2.1");
    delete_entry(last);
    CHECK(receive(with, 2)[0].entry.original == echo);
    CHECK(receive(without, 1)[0].entry.original == last);
  });
}

TEST_CASE("netns: of TCP's life only the end is told, and only with a verdict in its mark") {
  in_tracking_netns([] {
    const std::string verdict = GENERATE("0x01000000", "0x00000700");
    must_run("iptables -w -t mangle -A OUTPUT -p tcp -m conntrack --ctstate NEW -j CONNMARK --set-mark " +
             verdict);
    auto events = open_events();
    {
      TcpPair pair{"192.0.2.1"};
      pair.talk();
      pair.close_one();  // half closed: it lives
      pair.talk_back();
    }
    UdpPeer from, to;
    const FiveTuple last = make_flow(from, to, "192.0.2.1");
    delete_entry(last);
    const bool ours = verdict == "0x01000000";
    const std::vector<ConntrackChanged> told = receive(events, ours ? 2 : 1);
    CHECK(told.back().entry.original == last);
    if (!ours) return;
    REQUIRE(told.size() == 2);
    CHECK(told[0].kind == ConntrackChanged::Kind::updated);
    CHECK(told[0].entry.original.protocol == Protocol::tcp);
    REQUIRE(told[0].entry.tcp);
    CHECK(is_over(*told[0].entry.tcp));
  });
}

TEST_CASE("netns: events that nobody read are missed, and that is said") {
  in_tracking_netns([] {
    auto events = open_events();
    // The socket's buffer as the kernel counts it, filled by ends that nobody reads.
    const int small = 4096;
    REQUIRE(::setsockopt(events.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    UdpPeer to;
    for (int i = 0; i < 64; ++i) {
      UdpPeer from;
      delete_entry(make_flow(from, to, "192.0.2.1"));
    }
    bool overrun = false;
    std::size_t read = 0;
    for (bool more = true; more;) {
      const auto received = events.receive(16, [&](const ConntrackChanged&) { ++read; });
      overrun = overrun || received.overrun;
      more = received.more;
    }
    CHECK(overrun);
    CHECK(read < 64);
    // And the next one comes again.
    UdpPeer from;
    delete_entry(make_flow(from, to, "192.0.2.1"));
    CHECK(receive(events, 1).size() == 1);
  });
}
