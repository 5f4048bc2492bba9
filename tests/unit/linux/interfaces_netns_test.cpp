// SPDX-License-Identifier: GPL-2.0-or-later
// rtnetlink against the real kernel, in a network namespace of each test's own.
#include <net/if.h>

#include <fstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "linux/interfaces.hpp"
#include "netns.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

void in_plain_netns(const std::function<void()>& body) {
  if (const char* why = no_netns()) {
    WARN("SKIPPED: " << why);
    return;
  }
  in_netns([&] {
    must_run("ip link set lo up");
    must_run("ip link add tg0 type veth peer name tg1");
    must_run("ip link set tg0 up");
    must_run("ip address add 192.0.2.1/24 dev tg0");
    must_run("ip address add 2001:db8::1/64 dev tg0 nodad");
    body();
  });
}

std::unique_ptr<Interfaces> open_interfaces() {
  auto interfaces = Interfaces::open();
  REQUIRE(interfaces);
  return std::move(*interfaces);
}

IpAddress address(const char* text) { return IpAddress::parse(text).value(); }

}  // namespace

TEST_CASE("netns: interfaces and addresses that are there at the start") {
  in_plain_netns([] {
    const auto interfaces = open_interfaces();
    CHECK(interfaces->name(1) == "lo");
    CHECK(interfaces->name(::if_nametoindex("tg0")) == "tg0");
    CHECK(interfaces->name(0).empty());
    CHECK(interfaces->name(12345).empty());
    CHECK(interfaces->is_local(address("192.0.2.1")));
    CHECK(interfaces->is_local(address("2001:db8::1")));
    CHECK(interfaces->is_local(address("127.0.0.1")));
    CHECK(interfaces->is_local(address("127.1.2.3")));
    CHECK(interfaces->is_local(address("::1")));
    CHECK_FALSE(interfaces->is_local(address("192.0.2.2")));
    CHECK_FALSE(interfaces->is_local(address("2001:db8::2")));
  });
}

TEST_CASE("netns: changes are followed") {
  in_plain_netns([] {
    const auto interfaces = open_interfaces();
    const unsigned index = ::if_nametoindex("tg0");
    must_run("ip address add 198.51.100.1 peer 198.51.100.2 dev tg0");
    must_run("ip address del 192.0.2.1/24 dev tg0");
    must_run("ip link set tg0 down && ip link set tg0 name uplink");
    must_run("ip link add tg2 type veth peer name tg3");
    interfaces->receive();
    CHECK(interfaces->name(index) == "uplink");
    CHECK(interfaces->name(::if_nametoindex("tg2")) == "tg2");
    CHECK(interfaces->is_local(address("198.51.100.1")));
    CHECK_FALSE(interfaces->is_local(address("198.51.100.2")));  // the other end
    CHECK_FALSE(interfaces->is_local(address("192.0.2.1")));
    must_run("ip link del uplink");
    interfaces->receive();
    CHECK(interfaces->name(index).empty());
    CHECK_FALSE(interfaces->is_local(address("198.51.100.1")));
  });
}

TEST_CASE("netns: broadcast addresses come and go with the addresses that have them") {
  in_plain_netns([] {
    must_run("ip address add 192.0.2.5/24 brd 192.0.2.255 dev tg0");
    const auto interfaces = open_interfaces();
    CHECK(interfaces->broadcasts() == std::vector<IpAddress>{address("192.0.2.255")});
    must_run("ip address add 192.0.2.6/24 brd 192.0.2.255 dev tg0");
    must_run("ip address add 198.51.100.1/25 brd 198.51.100.127 dev tg1");
    must_run("ip address del 192.0.2.5/24 dev tg0");
    interfaces->receive();
    CHECK(interfaces->broadcasts() ==
          std::vector<IpAddress>{address("192.0.2.255"), address("198.51.100.127")});
    must_run("ip address del 192.0.2.6/24 dev tg0");
    must_run("ip link del tg1");
    interfaces->receive();
    CHECK(interfaces->broadcasts().empty());
  });
}

TEST_CASE("netns: an address on two interfaces is local until it has left both") {
  in_plain_netns([] {
    must_run("ip address add 192.0.2.1/32 dev tg1");
    const auto interfaces = open_interfaces();
    must_run("ip address del 192.0.2.1/24 dev tg0");
    interfaces->receive();
    CHECK(interfaces->is_local(address("192.0.2.1")));
    must_run("ip address del 192.0.2.1/32 dev tg1");
    interfaces->receive();
    CHECK_FALSE(interfaces->is_local(address("192.0.2.1")));
  });
}

TEST_CASE("netns: an interface that came unannounced is asked for") {
  in_plain_netns([] {
    const auto interfaces = open_interfaces();
    must_run("ip link add tg2 type veth peer name tg3");
    CHECK(interfaces->name(::if_nametoindex("tg2")) == "tg2");  // before receive()
  });
}

TEST_CASE("netns: after more events than the socket holds everything is read anew") {
  in_plain_netns([] {
    const auto interfaces = open_interfaces();
    const unsigned index = ::if_nametoindex("tg0");
    // Some kilobytes an event, into a buffer of two megabytes; then what must not be missed.
    std::string changes = "for i in $(seq 4000); do echo link set tg0 mtu $((1400 + i % 2)); done";
    must_run("{ " + changes + "; echo link del tg0; } | ip -batch -");
    interfaces->receive();
    CHECK(interfaces->name(index).empty());
    CHECK_FALSE(interfaces->is_local(address("192.0.2.1")));
    CHECK(interfaces->name(1) == "lo");
  });
}
