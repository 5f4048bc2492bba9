// SPDX-License-Identifier: GPL-2.0-or-later
// fail = "closed", the base ruleset, and a policy that is broken at boot.
#include <filesystem>

#include "catch.hpp"
#include "machine.hpp"
#include "process.hpp"
#include "topology.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

TEST_CASE("a broken policy at boot, fail closed: the machine is up and silent", "[broken]") {
  auto daemon = unit(kUnit, "ActiveState,ExecMainStatus,NRestarts");
  CHECK(daemon["ActiveState"] == "failed");
  CHECK(daemon["ExecMainStatus"] == "78");
  CHECK(daemon["NRestarts"] == "0");
  CHECK(unit_state(kBaseUnit) == "active");
  CHECK(unit_state("network.target") == "active");
  CHECK(daemon_log().find(std::string{kSlip} + ":3:11: ") != std::string::npos);
  CHECK(seen_by_world("early") == 2);
  CHECK(seen_by_world("late") == 0);
  CHECK(seen_by_world("other") == 0);
}

TEST_CASE("DHCP, its renewal, and discovery work without a daemon", "[broken]") {
  wait_until("an address by DHCP and one by discovery", [] {
    const std::string addresses = must("ip addr show dev dhcp0");
    return addresses.find("inet 10.79.0.") != std::string::npos &&
           addresses.find("inet6 fd79::") != std::string::npos;
  });
  // A renewal goes through the rules as any datagram; the first request goes around them.
  const auto before = seen_by_world("dhcp");
  REQUIRE(before > 0);
  must("networkctl renew dhcp0");
  wait_until("the renewal", [&] { return seen_by_world("dhcp") > before; });
  // The world finds our link address, and we the world's.
  must("ip -n world -6 neigh flush dev far0");
  const Cable web{80};
  const Inside world{web.world};
  const Socket nobody = begin(Transport::tcp, {kHost.v6, web.port});
  wait_until("our link address",
             [] { return must("ip -6 neigh show dev far0").find("fd77::1 lladdr ") != std::string::npos; });
  REQUIRE(nothing_came(nobody, Transport::tcp));
}

TEST_CASE("nothing new passes, in or out", "[broken]") {
  const Cable web{80};
  std::vector<Socket> tries;
  for (const std::string& address : kPeer.both()) {
    tries.push_back(begin(Transport::tcp, {address, web.port}));
    const Socket datagram = begin(Transport::udp, {address, web.port});
    try {
      send_one(datagram, Transport::udp);
    } catch (const std::exception&) {
      continue;  // refused at once is as good
    }
  }
  {
    const Inside world{web.world};
    for (const std::string& address : kHost.both())
      tries.push_back(begin(Transport::tcp, {address, web.port}));
  }
  // The time in which a packet would long have come: a program starts and ends twice.
  INFO(say("dmesg | grep world:").text);
  CHECK(seen_by_world("other") == 0);
  CHECK(seen_by_world("late") == 0);
  for (const Socket& one : tries) CHECK(nothing_came(one, Transport::tcp));
  CHECK(web.here.accepted() + web.there.accepted() + web.there.datagrams() == 0);
}

TEST_CASE("the policy mended, a start makes everything as it should be", "[broken]") {
  std::filesystem::remove(kSlip);
  must("systemctl start tollgated");
  const Cable web{80};
  const Socket out = web.connect_out(kPeer.v4), in = web.connect_in(kHost.v6);
  REQUIRE(goes_on(out));
  REQUIRE(goes_on(in));
  CHECK(web.out(Transport::tcp, kPeer.v6) == 0);
  CHECK(daemon_status().fail == "closed");
}

}  // namespace
