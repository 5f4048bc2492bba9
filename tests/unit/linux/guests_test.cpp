// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/guests.hpp"

#include <vector>

#include "catch.hpp"
#include "netns.hpp"

using namespace tollgate;
using namespace tollgate::test;

TEST_CASE("what cgroups are all in") {
  const auto common = [](const std::vector<std::string>& paths) { return common_group(paths); };
  CHECK(common({}).empty());
  CHECK(common({"/a/b"}) == "/a/b");
  CHECK(common({"/a/b", "/a/b"}) == "/a/b");
  CHECK(common({"/a/b/c", "/a/b/d"}) == "/a/b");
  CHECK(common({"/a/b", "/a/b/c"}) == "/a/b");
  CHECK(common({"/a/b/c", "/a/b"}) == "/a/b");
  CHECK(common({"/a/bc", "/a/bd"}) == "/a");
  CHECK(common({"/a/b", "/a/bc"}) == "/a");
  CHECK(common({"/a/bc", "/a/b"}) == "/a");
  CHECK(common({"/a", "/b"}) == "/");
  CHECK(common({"/", "/b"}) == "/");
  CHECK(common({"/b", "/"}) == "/");
  CHECK(common({"/a/b/c", "/a/b/d", "/a/e"}) == "/a");
}

TEST_CASE("behind an address of nobody's, of this machine's own or of another machine there is no guest") {
  if (const char* why = no_netns()) {
    WARN("SKIPPED: " << why);
    return;
  }
  in_netns([] {
    REQUIRE(
        run_command(
            "ip link set lo up && ip link add d0 type veth peer name d1 && ip addr add 10.0.0.1/24 dev d0 && "
            "ip link set d0 up && ip route add default via 10.0.0.2") == 0);
    auto guests = Guests::open();
    REQUIRE(guests.ok());
    for (const char* address : {"10.0.0.1", "10.0.0.7", "192.0.2.1", "127.0.0.1", "::1", "2001:db8::1"}) {
      INFO(address);
      CHECK_FALSE(guests.value().behind(*IpAddress::parse(address), 0));
    }
  });
}
