// SPDX-License-Identifier: GPL-2.0-or-later
// The README's configuration (fail = "closed", a server's policy) and the base ruleset, from boot on.
#include <cstdint>

#include "catch.hpp"
#include "machine.hpp"
#include "process.hpp"
#include "topology.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

std::uint64_t when(const std::string& name, const std::string& property) {
  return std::stoull(unit(name, property).at(property));
}

TEST_CASE("boot order: rules, then the daemon, then the network", "[closed]") {
  REQUIRE(unit_state(kBaseUnit) == "active");
  REQUIRE(unit_state(kUnit) == "active");
  const auto rules = when(kBaseUnit, "ExecMainExitTimestampMonotonic");
  const auto ready = when(kUnit, "ActiveEnterTimestampMonotonic");
  const auto network = when("network-pre.target", "ActiveEnterTimestampMonotonic");
  REQUIRE(rules > 0);
  CHECK(rules <= when(kUnit, "ExecMainStartTimestampMonotonic"));
  CHECK(ready <= network);
  CHECK(network <= when("systemd-networkd.service", "ExecMainStartTimestampMonotonic"));
  CHECK(network <= when("early-bird.service", "ExecMainStartTimestampMonotonic"));
}

TEST_CASE("conntrack was not there at boot, and the first packets were filtered", "[closed]") {
  CHECK(read_file("/run/modules-before").find("nf_conntrack") == std::string::npos);
  CHECK(read_file("/proc/modules").find("nf_conntrack ") != std::string::npos);
  CHECK(seen_by_world("early") == 2);  // sent before any rule: the world's counters count
  CHECK(seen_by_world("late") == 0);   // the server's policy has no word for it
  CHECK(seen_by_world("other") == 0);
  CHECK(!journal("-u tollgated TOLLGATE_DESTINATION_PORT=4002").empty());
}

TEST_CASE("DHCP and router discovery work", "[closed]") {
  wait_until("an address by DHCP and one by discovery", [] {
    const std::string addresses = must("ip addr show dev dhcp0");
    return addresses.find("inet 10.79.0.") != std::string::npos &&
           addresses.find("inet6 fd79::") != std::string::npos;
  });
  CHECK(must("ip -6 route show default").find("dev dhcp0") != std::string::npos);
}

TEST_CASE("the server's policy: what it serves passes, the rest does not", "[closed]") {
  const Cable web{80}, other{7000};
  for (const std::string& address : kHost.both()) REQUIRE(web.in(Transport::tcp, address) == 0);
  for (const std::string& address : kPeer.both()) {
    REQUIRE(web.out(Transport::tcp, address) == 0);
    REQUIRE(other.out(Transport::tcp, address) == ECONNREFUSED);
  }
}

TEST_CASE("with the base ruleset a stop leaves the rules: what lives goes on, what is new waits",
          "[closed]") {
  const Cable web{80};
  std::vector<Socket> streams;
  for (const std::string& address : kPeer.both()) streams.push_back(web.connect_out(address));
  for (const std::string& address : kHost.both()) streams.push_back(web.connect_in(address));
  must("systemctl stop tollgated");
  REQUIRE(unit(kUnit, "Result")["Result"] == "success");
  REQUIRE(has_our_table());
  const Socket late = begin(Transport::tcp, {kPeer.v4, web.port});
  for (int i = 0; i < 3; ++i) {
    for (const Socket& stream : streams) REQUIRE(goes_on(stream));
  }
  REQUIRE(nothing_came(late, Transport::tcp));
  must("systemctl start tollgated");
  REQUIRE(finish_connect(late) == 0);  // by a retransmission
  for (const Socket& stream : streams) REQUIRE(goes_on(stream));
}

TEST_CASE("a restart that fails leaves the rules too", "[closed]") {
  const Cable web{80};
  const Socket stream = web.connect_out(kPeer.v6);
  write_file(kSlip, "[[rule]]\nverdict = \"perhaps\"\n");
  REQUIRE(say("systemctl restart tollgated").status != 0);
  REQUIRE(unit_state(kUnit) == "failed");
  CHECK(daemon_log().find(std::string{kSlip} + ":2:11: ") != std::string::npos);
  REQUIRE(has_our_table());
  const Socket late = begin(Transport::tcp, {kPeer.v4, web.port});
  REQUIRE(goes_on(stream));
  REQUIRE(nothing_came(late, Transport::tcp));
  must(std::string{"rm "} + kSlip);
  must("systemctl start tollgated");
  REQUIRE(finish_connect(late) == 0);
  REQUIRE(goes_on(stream));
}

TEST_CASE("without the base ruleset a stop takes them away", "[closed]") {
  must("systemctl stop tollgate-base");
  REQUIRE(has_our_table());
  const Cable other{7000};
  REQUIRE(other.out(Transport::tcp, kPeer.v4) == ECONNREFUSED);
  must("systemctl stop tollgated");
  REQUIRE(!has_our_table());
  REQUIRE(other.out(Transport::tcp, kPeer.v4) == 0);
}

}  // namespace
