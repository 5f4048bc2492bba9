// SPDX-License-Identifier: GPL-2.0-or-later
// What tollgate rests on in the kernel's queue. Each case is one fact; DESIGN.md's verdicts are
// tested elsewhere. If one of these fails on a new kernel, the design is wrong there, not the code.
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "catch.hpp"
#include "raw_queue.hpp"
#include "sandbox.hpp"

namespace tollgate::vm {

namespace {

constexpr std::uint16_t kPort = 5353;
constexpr std::uint16_t kNumber = 4200;
constexpr std::uint32_t kFlags = NFQA_CFG_F_CONNTRACK | NFQA_CFG_F_GSO | NFQA_CFG_F_UID_GID;

// Every UDP packet to kPort is queued on its way out, after `before` had it. The rule asks conntrack
// something: in a namespace where none does, no packet has an entry.
std::string queueing_rules(const std::string& before = {}, const std::string& options = {}) {
  return "table inet fact {\n"
         "  chain out { type filter hook output priority mangle; policy accept;\n" +
         before + "    udp dport 5353 ct state new,established queue " + options +
         " to 4200\n"
         "  }\n"
         "}\n";
}

std::string conntrack_table() { return must("conntrack -L -p udp 2>/dev/null"); }

}  // namespace

TEST_CASE("nft queue with bypass loads in an inet table", "[queue]") {
  enter_fresh_namespace();
  must("nft -f -", queueing_rules({}, "flags bypass"));
  CHECK(must("nft list table inet fact").find("queue flags bypass to 4200") != std::string::npos);
}

TEST_CASE("without a listener bypass passes and no bypass drops", "[queue]") {
  const bool bypass = GENERATE(true, false);
  enter_fresh_namespace();
  const Descriptor receiver = udp_receiver(AF_INET, kPort);
  const Descriptor sender = udp_sender(AF_INET, kPort);
  must("nft -f -", queueing_rules({}, bypass ? "flags bypass" : ""));
  if (bypass) {
    CHECK(send_byte(sender) == 0);
    CHECK(receives(receiver));
  } else {
    // Nobody tells the sender: unlike a drop by a rule, one by the queue is no error of send().
    CHECK(send_byte(sender) == 0);
    CHECK(receives_nothing(receiver));
  }
}

TEST_CASE("asking for conntrack data loads ctnetlink", "[queue][conntrack]") {
  enter_fresh_namespace();
  // Nothing of this machine holds the module for long: what uses it are sockets, and those are closed.
  must("! lsmod | grep -q '^nf_conntrack_netlink ' || modprobe -r nf_conntrack_netlink");
  const Descriptor receiver = udp_receiver(AF_INET, kPort);
  must("nft -f -", queueing_rules());
  RawQueue queue{kNumber, kFlags};
  CHECK(run("lsmod | grep -q '^nf_conntrack_netlink '").status == 0);
  REQUIRE(send_byte(udp_sender(AF_INET, kPort)) == 0);
  const RawPacket packet = queue.next();
  CHECK(packet.conntrack_bytes > 0);
  queue.answer(packet, Fate::accept);
  CHECK(receives(receiver));
}

TEST_CASE("the queue says conntrack's data, state and mark and the sender's user", "[queue][conntrack]") {
  const int family = GENERATE(AF_INET, AF_INET6);
  enter_fresh_namespace();
  const Descriptor receiver = udp_receiver(family, kPort);
  must("nft -f -", queueing_rules("    ct mark set 0x00000005\n"));
  RawQueue queue{kNumber, kFlags};
  const Descriptor sender = udp_sender(family, kPort);
  REQUIRE(send_byte(sender) == 0);
  const RawPacket packet = queue.next();
  WARN((family == AF_INET ? "IPv4" : "IPv6") << ": " << packet.conntrack_bytes << " bytes of NFQA_CT");
  CHECK(packet.hook == kHookOutput);
  CHECK(packet.conntrack_bytes > 0);
  CHECK(packet.conntrack_mark == 5U);
  CHECK(packet.conntrack_info == kConntrackNew);
  CHECK(packet.uid == getuid());
  queue.answer(packet, Fate::accept);
  CHECK(receives(receiver));
}

TEST_CASE("a verdict sets the masked ct mark of an entry that is not confirmed yet", "[queue][conntrack]") {
  enter_fresh_namespace();
  const Descriptor receiver = udp_receiver(AF_INET, kPort);
  must("nft -f -",
       queueing_rules("    ct mark set 0xa5000005\n    ct mark & 0x0f000000 == 0x01000000 accept\n"));
  RawQueue queue{kNumber, kFlags};
  const Descriptor sender = udp_sender(AF_INET, kPort);
  REQUIRE(send_byte(sender) == 0);
  const RawPacket packet = queue.next();
  CHECK(packet.conntrack_mark == 0xa5000005U);
  queue.answer(packet, Fate::accept, {.packet = {}, .conntrack = 0x01000000U, .conntrack_mask = 0x0f000000U});
  CHECK(receives(receiver));
  CHECK(conntrack_table().find("mark=" + std::to_string(0xa1000005U) + " ") != std::string::npos);
}

TEST_CASE("a verdict's conntrack part leaves the packet mark alone", "[queue][conntrack]") {
  enter_fresh_namespace();
  const Descriptor receiver = udp_receiver(AF_INET, kPort);
  must("nft -f -",
       queueing_rules("    meta mark set 51820\n") +
           "table inet fact { counter kept {}\n"
           "  chain later { type filter hook output priority filter; meta mark 51820 counter name kept; }\n"
           "}\n");
  RawQueue queue{kNumber, kFlags};
  const Descriptor sender = udp_sender(AF_INET, kPort);
  REQUIRE(send_byte(sender) == 0);
  const RawPacket packet = queue.next();
  CHECK(packet.mark == 51820U);
  queue.answer(packet, Fate::accept, {.packet = {}, .conntrack = 0x01000000U, .conntrack_mask = 0x0f000000U});
  CHECK(receives(receiver));
  CHECK(must("nft list counter inet fact kept").find("packets 1 ") != std::string::npos);
}

TEST_CASE("an accepted packet goes on to later base chains of its hook", "[queue]") {
  enter_fresh_namespace();
  const Descriptor receiver = udp_receiver(AF_INET, kPort);
  must(
      "nft -f -",
      queueing_rules() +
          "table inet fact { counter seen {}\n"
          "  chain later { type filter hook output priority filter;\n"
          "    ct mark & 0x0f000000 == 0x01000000 meta mark & 0x0f000000 == 0x09000000 counter name seen; }\n"
          "}\n");
  RawQueue queue{kNumber, kFlags};
  const Descriptor sender = udp_sender(AF_INET, kPort);
  REQUIRE(send_byte(sender) == 0);
  queue.answer(queue.next(), Fate::accept,
               {.packet = 0x09000000U, .conntrack = 0x01000000U, .conntrack_mask = 0x0f000000U});
  CHECK(receives(receiver));
  CHECK(must("nft list counter inet fact seen").find("packets 1 ") != std::string::npos);
}

TEST_CASE("dropping a first packet destroys its conntrack entry", "[queue][conntrack]") {
  enter_fresh_namespace();
  const Descriptor receiver = udp_receiver(AF_INET, kPort);
  must("nft -f -", queueing_rules());
  RawQueue queue{kNumber, kFlags};
  const Descriptor sender = udp_sender(AF_INET, kPort);
  REQUIRE(send_byte(sender) == 0);
  queue.answer(queue.next(), Fate::drop,
               {.packet = {}, .conntrack = 0x03000000U, .conntrack_mask = 0x0f000000U});
  // The second one proves that the first has been dealt with, and that it is new once more.
  REQUIRE(send_byte(sender) == 0);
  const RawPacket second = queue.next();
  CHECK(second.conntrack_mark.value_or(0) == 0U);
  CHECK(second.conntrack_info == kConntrackNew);
  queue.answer(second, Fate::accept);
  CHECK(receives(receiver));
  CHECK(receives_nothing(receiver));
}

TEST_CASE("flushing and refilling a base chain in one transaction keeps waiting packets", "[queue][rules]") {
  enter_fresh_namespace();
  const Descriptor receiver = udp_receiver(AF_INET, kPort);
  must("nft -f -", queueing_rules());
  RawQueue queue{kNumber, kFlags};
  const Descriptor sender = udp_sender(AF_INET, kPort);
  REQUIRE(send_byte(sender) == 0);
  const RawPacket packet = queue.next();
  must("nft -f -", "flush chain inet fact out\n" + queueing_rules());
  queue.answer(packet, Fate::accept);
  CHECK(receives(receiver));
}

TEST_CASE("deleting a base chain drops waiting packets", "[queue][rules]") {
  enter_fresh_namespace();
  const Descriptor receiver = udp_receiver(AF_INET, kPort);
  must("nft -f -",
       queueing_rules() + "table inet other { chain in { type filter hook input priority 5; }; }\n");
  RawQueue queue{kNumber, kFlags};
  const Descriptor sender = udp_sender(AF_INET, kPort);
  REQUIRE(send_byte(sender) == 0);
  const RawPacket doomed = queue.next();
  must("nft delete table inet other");  // of another hook, and nothing of the queue's
  queue.answer(doomed, Fate::accept);
  CHECK(queue.refusal() == ENOENT);
  CHECK(receives_nothing(receiver));
}

TEST_CASE("iptables NFQUEUE gives the same packet, conntrack data included", "[queue][iptables]") {
  const bool v4 = GENERATE(true, false);
  const int family = v4 ? AF_INET : AF_INET6;
  enter_fresh_namespace();
  const Descriptor receiver = udp_receiver(family, kPort);
  must(std::string{v4 ? "iptables" : "ip6tables"} +
       " -t mangle -A OUTPUT -p udp --dport 5353 -m conntrack --ctstate NEW"
       " -j NFQUEUE --queue-num 4200 --queue-bypass");
  RawQueue queue{kNumber, kFlags};
  const Descriptor sender = udp_sender(family, kPort);
  REQUIRE(send_byte(sender) == 0);
  const RawPacket packet = queue.next();
  CHECK(packet.conntrack_bytes > 0);
  queue.answer(packet, Fate::accept, {.packet = {}, .conntrack = 0x01000000U, .conntrack_mask = 0x0f000000U});
  CHECK(receives(receiver));
  CHECK(must(v4 ? "conntrack -L -p udp 2>/dev/null" : "conntrack -L -f ipv6 -p udp 2>/dev/null")
            .find("mark=" + std::to_string(0x01000000U) + " ") != std::string::npos);
}

}  // namespace tollgate::vm
