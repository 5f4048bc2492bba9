// SPDX-License-Identifier: GPL-2.0-or-later
// The parts of the rules that the daemon keeps up, and the numbers of interfaces.
#include <algorithm>
#include <set>

#include "catch.hpp"
#include "tollgate/ruleset/interface_slots.hpp"
#include "tollgate/ruleset/ruleset.hpp"

using namespace tollgate;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

SocketInRules socket(Direction direction, Protocol protocol, const char* address, std::uint16_t port) {
  return {direction, protocol, *IpAddress::parse(address), port};
}

Config checking() {
  Config config;
  config.arrival_interface = ArrivalInterface::reauthorize;
  config.interface_mask = 0x00ff0000;
  return config;
}

std::uint32_t slot_of(const InterfaceSlots& slots, const std::string& name) {
  for (const InterfaceSlot& interface : slots.present()) {
    if (interface.name == name) return interface.slot;
  }
  return 0;
}

}  // namespace

TEST_CASE("sockets stand in the sets of their direction and family") {
  const LiveRules live{{socket(Direction::inbound, Protocol::udp, "192.0.2.1", 53),
                        socket(Direction::outbound, Protocol::tcp, "2001:db8::1", 6881)},
                       {}};
  CHECK(render_nft_live({}, live) ==
        "flush set inet tollgate reached4\n"
        "flush set inet tollgate reached6\n"
        "flush set inet tollgate sending4\n"
        "flush set inet tollgate sending6\n"
        "add element inet tollgate reached4 { udp . 192.0.2.1 . 53 }\n"
        "add element inet tollgate sending6 { tcp . 2001:db8::1 . 6881 }\n");
  CHECK(render_iptables_live({}, Family::ipv4, live) ==
        "*mangle\n:TOLLGATE-REACHED - [0:0]\n:TOLLGATE-SENDING - [0:0]\n"
        "-A TOLLGATE-REACHED -d 192.0.2.1 -p udp -m udp --dport 53 -g TOLLGATE-AUTHORIZED\nCOMMIT\n");
  CHECK(render_iptables_live({}, Family::ipv6, live) ==
        "*mangle\n:TOLLGATE-REACHED - [0:0]\n:TOLLGATE-SENDING - [0:0]\n"
        "-A TOLLGATE-SENDING -s 2001:db8::1 -p tcp -m tcp --sport 6881 -g TOLLGATE-AUTHORIZED\nCOMMIT\n");
}

TEST_CASE("what is rendered whole has the live parts too") {
  const LiveRules live{{socket(Direction::inbound, Protocol::udp, "192.0.2.1", 53)}, {{"eth0", 3}}};
  const Config config = checking();
  CHECK(render_nft(config, live).ends_with(render_nft_live(config, live)));
  for (const char* rule : {"-A TOLLGATE-REACHED -d 192.0.2.1", "-A TOLLGATE-ARRIVED -i eth0 ",
                           "-A TOLLGATE-STAMP-IN -i eth0 ", "-A TOLLGATE-STAMP-OUT -o eth0 "}) {
    INFO(rule);
    CHECK(has(render_iptables(config, Family::ipv4, {}, live), rule));
    CHECK(has(render_iptables_live(config, Family::ipv4, live), rule));
  }
}

TEST_CASE("sockets past the bound are left out") {
  LiveRules live;
  for (std::size_t i = 0; i < kMostSocketsInRules + 10; ++i) {
    live.sockets.push_back(
        socket(Direction::inbound, Protocol::udp, "192.0.2.1", static_cast<std::uint16_t>(i + 1)));
  }
  CHECK(count(render_nft_live({}, live), "add element") == kMostSocketsInRules);
  CHECK(count(render_iptables_live({}, Family::ipv4, live), "-g TOLLGATE-AUTHORIZED") == kMostSocketsInRules);
}

TEST_CASE("an arriving packet of an accepted flow is compared with the interface in its ct mark") {
  for (const std::string& text : {render_nft({}), render_iptables({}, Family::ipv4)}) {
    CHECK_FALSE((has(text, "arrived") || has(text, "ARRIVED") || has(text, "stamp") || has(text, "STAMP")));
  }
  const Config config = checking();
  const LiveRules live{{}, {{"eth0", 3}, {"wg0", 0xff}}};
  const std::string nft = render_nft_live(config, live),
                    v4 = render_iptables_live(config, Family::ipv4, live);
  CHECK(has(nft, "add rule inet tollgate arrived_3 ct mark & 0x0fff0000 == 0x01030000 accept\n"));
  CHECK(has(nft, "add rule inet tollgate stamp_3 ct mark set ct mark & 0xff00ffff | 0x00030000\n"));
  CHECK(has(nft, "arrived iifname vmap { \"eth0\" : goto arrived_3, \"wg0\" : goto arrived_255 }\n"));
  CHECK(has(nft, "stamp_out oifname vmap { \"eth0\" : goto stamp_3, \"wg0\" : goto stamp_255 }\n"));
  CHECK(nft.ends_with("add rule inet tollgate arrived goto ask\n"));
  CHECK(has(v4, "-A TOLLGATE-ARRIVED -i eth0 -m connmark --mark 0x01030000/0x0fff0000 -j RETURN\n"));
  CHECK(has(v4, "-A TOLLGATE-STAMP-OUT -o wg0 -j CONNMARK --set-xmark 0x00ff0000/0x00ff0000\n"));
  CHECK(has(v4, "-A TOLLGATE-ARRIVED -g TOLLGATE-ASK\nCOMMIT\n"));
}

TEST_CASE("the check stands before what lets an accepted packet pass, only where packets arrive") {
  Config config = checking();
  config.forward = true;
  const std::string nft = render_nft(config), v4 = render_iptables(config, Family::ipv4);
  CHECK(count(nft, "ct mark & 0x0f000000 == 0x01000000 goto arrived\n") == 2);
  CHECK(count(nft, "goto stamp_in\n") == 2);
  CHECK(count(nft, "ct mark & 0x0fff0000 == 0x01000000 ct direction original goto stamp_out\n") == 2);
  CHECK(count(v4, "-m connmark --mark 0x01000000/0x0f000000 -g TOLLGATE-ARRIVED\n") == 2);
  CHECK(count(v4,
              "-A TOLLGATE-INPUT -m mark --mark 0x00000000/0x0f000000 -m connmark --mark "
              "0x01000000/0x0f000000 -g TOLLGATE-") == 2);
  CHECK(count(v4,
              "-A TOLLGATE-FORWARD -m mark --mark 0x00000000/0x0f000000 -m connmark --mark "
              "0x01000000/0x0f000000 -j RETURN\n") == 2);
}

TEST_CASE("a name that could mean more than itself is in no rule") {
  const Config config = checking();
  const LiveRules live{{}, {{"eth+", 1}, {"eth*", 2}, {"a\"b", 3}, {"-x", 4}, {"br-lan.7@if2", 5}}};
  for (const std::string& text :
       {render_nft_live(config, live), render_iptables_live(config, Family::ipv4, live)}) {
    for (const char* name : {"eth", "a\"b", " -x"}) CHECK_FALSE(has(text, name));
    CHECK(has(text, "br-lan.7@if2"));
  }
}

TEST_CASE("an interface keeps its number while it is away, and in another run") {
  InterfaceSlots slots{0x00ff0000};
  CHECK(slots.update({"lo", "eth0", "wlan0"}));
  CHECK_FALSE(slots.update({"lo", "eth0", "wlan0"}));
  const std::uint32_t wlan = slot_of(slots, "wlan0"), eth = slot_of(slots, "eth0");
  CHECK((wlan != 0 && eth != 0 && wlan != eth && wlan < 255 && eth < 255));
  CHECK(slots.update({"lo", "eth0"}));
  CHECK(slot_of(slots, "wlan0") == 0);
  CHECK(slots.update({"lo", "eth0", "tun0", "wlan0"}));
  CHECK(slot_of(slots, "wlan0") == wlan);
  InterfaceSlots again{0x00ff0000};
  again.update({"wlan0", "eth0", "lo"});
  CHECK(slot_of(again, "wlan0") == wlan);
  CHECK(slot_of(again, "eth0") == eth);
}

TEST_CASE("with more names than numbers, who is longest away gives way; then the last number is shared") {
  InterfaceSlots slots{0x70};  // 1 to 6 for one each, 7 for the rest
  std::vector<std::string> names{"a", "b", "c", "d", "e", "f"};
  slots.update(names);
  std::set<std::uint32_t> given;
  for (const InterfaceSlot& interface : slots.present()) given.insert(interface.slot);
  CHECK(given == std::set<std::uint32_t>{1, 2, 3, 4, 5, 6});
  CHECK(slots.sharing() == 0);

  names.push_back("g");
  names.push_back("h");
  slots.update(names);
  CHECK(slot_of(slots, "g") == 7);
  CHECK(slot_of(slots, "h") == 7);
  CHECK(slots.sharing() == 2);

  const std::uint32_t b = slot_of(slots, "b"), a = slot_of(slots, "a");
  std::erase(names, "b");
  slots.update(names);
  CHECK(slot_of(slots, "g") == b);  // there first
  CHECK(slot_of(slots, "h") == 7);
  std::erase(names, "a");
  slots.update(names);
  CHECK(slot_of(slots, "h") == a);
  CHECK(slots.sharing() == 0);
  names.push_back("b");
  slots.update(names);
  CHECK(slot_of(slots, "b") == 7);
}

TEST_CASE("one bit has room for one number, which all share") {
  InterfaceSlots slots{0x10};
  slots.update({"a", "b"});
  CHECK(slot_of(slots, "a") == 1);
  CHECK(slots.sharing() == 2);
}
