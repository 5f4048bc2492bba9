// SPDX-License-Identifier: GPL-2.0-or-later
// The queue against the real kernel, in a network namespace of each test's own.
#include <sys/syscall.h>

#include <string>
#include <vector>

#include "catch.hpp"
#include "linux/conntrack_dump.hpp"
#include "linux/queue.hpp"
#include "netns.hpp"
#include "udp_peer.hpp"

using namespace tollgate;
using namespace tollgate::test;
using Action = PacketVerdict::Action;

namespace {

constexpr std::uint16_t kPort = 7000;       // to queue 4200
constexpr std::uint16_t kReplyPort = 7002;  // to queue 4202
constexpr std::uint16_t kWholePort = 7001;  // to queue 4201

QueueOptions options() {
  QueueOptions options;
  options.copy_range = 128;
  return options;
}

std::unique_ptr<PacketQueue> open_queue(const QueueOptions& options) {
  auto queue = PacketQueue::open(
      options, [](std::uint32_t index) -> std::string_view { return index == 1 ? "lo" : ""; });
  INFO((queue ? std::string{} : queue.error()));
  REQUIRE(queue);
  return std::move(*queue);
}

// A namespace with loopback up and each port of the test sent to its queue.
void in_queued_netns(const std::function<void()>& body) {
  if (const char* why = no_netns()) {
    WARN("SKIPPED: " << why);
    return;
  }
  in_netns([&] {
    must_run("ip link set lo up");
    for (const auto& [port, number] : {std::pair{kPort, 4200}, {kWholePort, 4201}, {kReplyPort, 4202}}) {
      for (const char* tool : {"iptables", "ip6tables"}) {
        must_run(std::string{tool} + " -w -t mangle -A OUTPUT -p udp --dport " + std::to_string(port) +
                 " -j NFQUEUE --queue-num " + std::to_string(number));
      }
    }
    body();
  });
}

// What a PacketQueued says, kept after the call.
struct Seen {
  PacketId id;
  Hook hook = Hook::input;
  bool reply = false, foreign_mark = false;
  std::size_t length = 0, wire_length = 0;
  std::string interface, payload;  // the payload of a UDP datagram in IPv4 without options
  Known<std::uint32_t> uid;
};

Seen keep(const PacketQueued& packet) {
  Seen seen{packet.id,
            packet.hook,
            packet.reply,
            packet.foreign_mark,
            packet.bytes.size(),
            packet.wire_length,
            std::string{packet.interface},
            {},
            packet.uid};
  if (packet.bytes.size() >= 28) seen.payload.assign(packet.bytes.begin() + 28, packet.bytes.end());
  return seen;
}

// Exactly `count` packets.
std::vector<Seen> receive(PacketQueue& queue, std::size_t count) {
  std::vector<Seen> all;
  while (all.size() < count) {
    if (!readable(queue.fd())) throw std::runtime_error{"no packet came"};
    queue.receive(64, [&](std::span<const PacketQueued> packets) {
      for (const PacketQueued& packet : packets) all.push_back(keep(packet));
    });
  }
  REQUIRE(all.size() == count);
  return all;
}

void answer(PacketQueue& queue, PacketId packet, Action action, FlowMark mark = FlowMark::undecided) {
  queue.answer(PacketVerdict{packet, action, mark});
  queue.send();
}

}  // namespace

TEST_CASE("netns: a packet comes up, and passes when told so") {
  in_queued_netns([] {
    const auto queue = open_queue(options());
    UdpPeer from, to{kPort};
    from.send("hello", "127.0.0.1", kPort);
    const Seen seen = receive(*queue, 1)[0];
    CHECK(seen.id.queue == 4200);
    CHECK(seen.hook == Hook::output);
    CHECK_FALSE(seen.reply);
    CHECK(seen.interface == "lo");
    CHECK(seen.payload == "hello");
    CHECK(seen.wire_length == 33);
    CHECK(seen.uid == Known<std::uint32_t>{0});
    CHECK(to.nothing_there());
    answer(*queue, seen.id, Action::pass);
    CHECK(to.receive() == "hello");
    CHECK(queue->counters().received == 1);
  });
}

TEST_CASE("netns: a dropped packet never arrives") {
  in_queued_netns([] {
    const auto queue = open_queue(options());
    UdpPeer from, to{kPort};
    from.send("first", "127.0.0.1", kPort);
    from.send("second", "127.0.0.1", kPort);
    const std::vector<Seen> seen = receive(*queue, 2);
    answer(*queue, seen[0].id, Action::drop);
    answer(*queue, seen[1].id, Action::pass);
    CHECK(to.receive() == "second");
    CHECK(to.nothing_there());
  });
}

TEST_CASE("netns: answers in any order, one batch, both families") {
  in_queued_netns([] {
    const auto queue = open_queue(options());
    UdpPeer from, to{kPort};
    from.send("1", "127.0.0.1", kPort);
    from.send("2", "::1", kPort);
    from.send("3", "127.0.0.1", kPort);
    const std::vector<Seen> seen = receive(*queue, 3);
    for (const std::size_t i : {2U, 0U, 1U}) queue->answer({seen[i].id, Action::pass, FlowMark::undecided});
    CHECK(to.nothing_there());
    queue->send();
    CHECK(to.receive() == "3");
    CHECK(to.receive() == "1");
    CHECK(to.receive() == "2");
  });
}

TEST_CASE("netns: the number of the queue gives reply and copy range") {
  in_queued_netns([] {
    const auto queue = open_queue(options());
    UdpPeer from, whole{kWholePort}, reply{kReplyPort};
    const std::string text(3000, 'x');
    from.send(text, "127.0.0.1", kWholePort);
    from.send(text, "127.0.0.1", kReplyPort);
    const std::vector<Seen> seen = receive(*queue, 2);
    CHECK(seen[0].id.queue == 4201);
    CHECK(seen[0].length == 3028);
    CHECK(seen[0].wire_length == 3028);
    CHECK_FALSE(seen[0].reply);
    CHECK(seen[1].id.queue == 4202);
    CHECK(seen[1].length == 128);
    CHECK(seen[1].wire_length == 3028);
    CHECK(seen[1].reply);
    answer(*queue, seen[1].id, Action::pass);
    answer(*queue, seen[0].id, Action::pass);
    CHECK(reply.receive() == text);
    CHECK(whole.receive() == text);
  });
}

TEST_CASE("netns: a GSO packet comes up whole and goes on as its segments") {
  in_queued_netns([] {
    const auto queue = open_queue(options());
    UdpPeer from, to{kWholePort};
    from.segments(1000);
    from.send(std::string(9500, 'x'), "127.0.0.1", kWholePort);
    const Seen seen = receive(*queue, 1)[0];
    CHECK(seen.length == 9528);
    answer(*queue, seen.id, Action::pass);
    for (int i = 0; i < 9; ++i) CHECK(to.receive().size() == 1000);
    CHECK(to.receive().size() == 500);
  });
}

TEST_CASE("netns: one refused verdict stops no other of its batch, and is counted") {
  in_queued_netns([] {
    const auto queue = open_queue(options());
    UdpPeer from, to{kPort};
    from.send("1", "127.0.0.1", kPort);
    from.send("2", "127.0.0.1", kPort);
    const std::vector<Seen> seen = receive(*queue, 2);
    queue->answer({seen[0].id, Action::pass, FlowMark::undecided});
    queue->answer({PacketId{4200, 999'999}, Action::pass, FlowMark::undecided});
    queue->answer({seen[1].id, Action::pass, FlowMark::undecided});
    queue->send();
    CHECK(to.receive() == "1");
    CHECK(to.receive() == "2");
    queue->receive(64, [](std::span<const PacketQueued>) { FAIL("there is no more packet"); });
    CHECK(queue->counters().verdict_errors == 1);
  });
}

TEST_CASE("netns: more answers than one datagram holds") {
  in_queued_netns([] {
    QueueOptions many = options();
    many.max_length = 8192;
    const auto queue = open_queue(many);
    UdpPeer from;
    constexpr std::size_t kCount = 2000;
    for (std::size_t i = 0; i < kCount; ++i) from.send("x", "127.0.0.1", kPort);
    for (const Seen& seen : receive(*queue, kCount)) {
      queue->answer({seen.id, Action::drop, FlowMark::undecided});
    }
    queue->send();
    queue->receive(64, [](std::span<const PacketQueued>) {});
    CHECK(queue->counters().verdict_errors == 0);
    CHECK(queue->counters().kernel_dropped == 0);
  });
}

TEST_CASE("netns: bits of others stay on the packet and ours do not") {
  in_queued_netns([] {
    // Only what leaves the queue with exactly this mark gets through.
    must_run("iptables -w -A OUTPUT -p udp --dport 7000 -m mark ! --mark 0x100 -j DROP");
    const auto queue = open_queue(options());
    UdpPeer from, to{kPort};
    from.mark(0x01000100);
    from.send("x", "127.0.0.1", kPort);
    const Seen seen = receive(*queue, 1)[0];
    CHECK(seen.foreign_mark == (queue->mark_path() == MarkPath::packet));
    answer(*queue, seen.id, Action::pass);
    CHECK(to.receive() == "x");
  });
}

TEST_CASE("netns: a verdict's mark gets into the ct mark, by whichever path") {
  in_queued_netns([] {
    must_run(
        "iptables -w -A OUTPUT -m mark ! --mark 0/0x0f000000 "
        "-j CONNMARK --save-mark --nfmask 0x0f000000 --ctmask 0x0f000000");
    must_run("iptables -w -A OUTPUT -m conntrack --ctstate INVALID -j DROP");
    const auto queue = open_queue(options());
    UdpPeer from, to{kPort};
    from.send("x", "127.0.0.1", kPort);
    answer(*queue, receive(*queue, 1)[0].id, Action::pass, FlowMark::accept);
    CHECK(to.receive() == "x");
    auto dump = ConntrackDump::open(0x0f000000);
    REQUIRE(dump);
    std::vector<FlowMark> marks;
    while (dump->receive([&](const ConntrackEntry& entry) { marks.push_back(entry.mark.value()); }) ==
           ConntrackDump::Progress::going_on) {
    }
    CHECK(marks == std::vector<FlowMark>{FlowMark::accept});
  });
}

TEST_CASE("netns: a full queue drops in the kernel, and that can be read without privileges") {
  in_queued_netns([] {
    QueueOptions small = options();
    small.max_length = 2;
    const auto queue = open_queue(small);
    UdpPeer from, to{kPort};
    for (int i = 0; i < 5; ++i) from.send("x", "127.0.0.1", kPort);
    // Of this thread alone, which ends with the test: glibc would do it to the whole program.
    REQUIRE(::syscall(SYS_setresuid, 65534, 65534, 65534) == 0);
    CHECK(queue->counters().kernel_dropped == 3);
  });
}

TEST_CASE("netns: a full queue is a way through with fail-open") {
  in_queued_netns([] {
    QueueOptions small = options();
    small.max_length = 2;
    small.fail_open = true;
    const auto queue = open_queue(small);
    UdpPeer from, to{kPort};
    for (const char* text : {"1", "2", "3"}) from.send(text, "127.0.0.1", kPort);
    CHECK(to.receive() == "3");
    CHECK(queue->counters().kernel_dropped == 0);
  });
}

TEST_CASE("netns: a burst that overruns the socket is survived and counted") {
  in_queued_netns([] {
    QueueOptions tiny = options();
    tiny.socket_buffer = 4096;
    const auto queue = open_queue(tiny);
    UdpPeer from, to{kPort};
    constexpr std::size_t kBurst = 3000;
    for (std::size_t i = 0; i < kBurst; ++i) from.send("burst", "127.0.0.1", kPort);
    std::vector<PacketId> waiting;
    const auto keep_ids = [&](std::span<const PacketQueued> packets) {
      for (const PacketQueued& packet : packets) waiting.push_back(packet.id);
    };
    while (queue->receive(16, keep_ids)) {
    }
    const QueueCounters counters = queue->counters();
    CHECK(counters.enobufs >= 1);
    CHECK(counters.received == waiting.size());
    CHECK(counters.received + counters.user_dropped == kBurst);
    for (const PacketId packet : waiting) queue->answer({packet, Action::drop, FlowMark::undecided});
    queue->send();
    from.send("after", "127.0.0.1", kPort);
    const Seen seen = receive(*queue, 1)[0];
    CHECK(seen.payload == "after");
    answer(*queue, seen.id, Action::pass);
    CHECK(to.receive() == "after");
    CHECK(queue->counters().verdict_errors == 0);
  });
}

TEST_CASE("netns: a queue that somebody else holds is named") {
  in_queued_netns([] {
    QueueOptions higher = options();
    higher.first = 4203;
    const auto other = open_queue(higher);
    const auto queue = PacketQueue::open(options(), [](std::uint32_t) { return std::string_view{}; });
    REQUIRE_FALSE(queue);
    CHECK(queue.error().find("cannot bind queue 4203: another program is bound to it") == 0);
  });
}

TEST_CASE("netns: without CAP_NET_ADMIN it says so") {
  in_queued_netns([] {
    REQUIRE(::syscall(SYS_setresuid, 65534, 65534, 65534) == 0);
    const auto queue = PacketQueue::open(options(), [](std::uint32_t) { return std::string_view{}; });
    REQUIRE_FALSE(queue);
    CHECK(queue.error().find("cannot bind queue 4200: CAP_NET_ADMIN is needed") == 0);
  });
}

TEST_CASE("netns: the mark path is what the kernel can, and cannot be forced on it") {
  in_queued_netns([] {
    const MarkPath found = open_queue(options())->mark_path();
    REQUIRE(found != MarkPath::automatic);
    QueueOptions packet = options();
    packet.mark_path = MarkPath::packet;
    CHECK(open_queue(packet)->mark_path() == MarkPath::packet);
    QueueOptions forced = options();
    forced.mark_path = MarkPath::conntrack;
    const auto queue = PacketQueue::open(forced, [](std::uint32_t) { return std::string_view{}; });
    CHECK(queue.ok() == (found == MarkPath::conntrack));
    if (!queue) CHECK(queue.error().find("CONFIG_NETFILTER_NETLINK_GLUE_CT") != std::string::npos);
  });
}

TEST_CASE("netns: the numbers of a closed queue are free again, and what waited is dropped") {
  in_queued_netns([] {
    auto first = open_queue(options());
    UdpPeer from, to{kPort};
    from.send("waits", "127.0.0.1", kPort);
    receive(*first, 1);
    first.reset();
    const auto queue = open_queue(options());
    from.send("again", "127.0.0.1", kPort);
    answer(*queue, receive(*queue, 1)[0].id, Action::pass);
    CHECK(to.receive() == "again");
    CHECK(to.nothing_there());
  });
}
