// SPDX-License-Identifier: GPL-2.0-or-later
// What tollgate rests on in rules, and its own rules as they are shipped.
#include <sys/socket.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "catch.hpp"
#include "sandbox.hpp"

namespace tollgate::vm {

namespace {

constexpr std::uint16_t kPort = 5353;

std::string shipped(const char* name) { return std::string{TOLLGATE_SOURCE_DIR} + "/iptables/" + name; }

}  // namespace

TEST_CASE("nft sets a masked field of the ct mark and nothing else", "[rules]") {
  enter_fresh_namespace();
  must("nft -f -",
       "table inet fact { chain out { type filter hook output priority mangle;\n"
       "  udp dport 5353 ct mark set 0xa5000005\n"
       "  udp dport 5353 ct mark set ct mark & 0xf0ffffff | 0x01000000\n"
       "}\n}\n");
  const Descriptor receiver = udp_receiver(AF_INET, kPort);
  REQUIRE(send_byte(udp_sender(AF_INET, kPort)) == 0);
  REQUIRE(receives(receiver));
  CHECK(must("conntrack -L -p udp 2>/dev/null").find("mark=" + std::to_string(0xa1000005U) + " ") !=
        std::string::npos);
}

TEST_CASE("a reject of a UDP packet in OUTPUT is an error of the sender's socket", "[rules]") {
  const int family = GENERATE(AF_INET, AF_INET6);
  enter_fresh_namespace();
  must("nft -f -",
       "table inet fact { chain out { type filter hook output priority filter;\n"
       "  udp dport 5353 reject with icmpx admin-prohibited\n"
       "}\n}\n");
  const Descriptor sender = udp_sender(family, kPort);
  // The packet itself is refused, then the ICMP error it caused is what the socket reports.
  CHECK(send_byte(sender) == EPERM);
  CHECK(send_byte(sender) == (family == AF_INET ? EHOSTUNREACH : EACCES));
}

TEST_CASE("a reject with tcp reset makes connect fail at once", "[rules]") {
  const int family = GENERATE(AF_INET, AF_INET6);
  enter_fresh_namespace();
  must("nft -f -",
       "table inet fact { chain out { type filter hook output priority filter;\n"
       "  tcp dport 5353 reject with tcp reset\n"
       "}\n}\n");
  const Descriptor listener = tcp_listener(family, kPort);
  CHECK(tcp_connect(family, kPort) == ECONNREFUSED);
}

TEST_CASE("the shipped nft rules load, load again, and are then the same", "[shipped]") {
  enter_fresh_namespace();
  must("nft -f " + shipped("tollgate.nft"));
  const std::string once = must("nft list ruleset");
  CHECK(once.find("table inet tollgate") != std::string::npos);
  must("nft -f " + shipped("tollgate.nft"));
  CHECK(must("nft list ruleset") == once);
}

TEST_CASE("the shipped iptables rules load in the nft variant", "[shipped]") {
  const bool v4 = GENERATE(true, false);
  enter_fresh_namespace();
  const std::string tool = v4 ? "iptables" : "ip6tables";
  must(tool + "-restore --noflush " + shipped(v4 ? "tollgate.v4.rules" : "tollgate.v6.rules"));
  CHECK(must(tool + "-save").find(":TOLLGATE-") != std::string::npos);
}

}  // namespace tollgate::vm
