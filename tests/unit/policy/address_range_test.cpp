// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../../src/policy/address_range.hpp"

#include <algorithm>
#include <string>

#include "catch.hpp"

namespace tollgate {
namespace {

std::string networks(const char* text) {
  const auto range = parse_range(text);
  if (!range) return "(none)";
  std::string all;
  for (const Prefix& network : *range) all += (all.empty() ? "" : " ") + network.to_string();
  return all;
}

TEST_CASE("ranges become the fewest networks") {
  CHECK(networks("10.0.0.0-10.0.0.255") == "10.0.0.0/24");
  CHECK(networks("10.0.0.5-10.0.0.5") == "10.0.0.5/32");
  CHECK(networks("10.0.0.5-10.0.0.9") == "10.0.0.5/32 10.0.0.6/31 10.0.0.8/31");
  CHECK(networks("0.0.0.0-255.255.255.255") == "0.0.0.0/0");
  CHECK(networks("255.255.255.254-255.255.255.255") == "255.255.255.254/31");
  CHECK(networks("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") == "::/0");
  CHECK(networks("2001:db8::-2001:db8:0:1::") == "2001:db8::/64 2001:db8:0:1::/128");
  CHECK(networks("2001:db8::ffff:ffff:ffff:ffff-2001:db8:0:1::1") ==
        "2001:db8::ffff:ffff:ffff:ffff/128 2001:db8:0:1::/127");
}

TEST_CASE("a range holds what is in it and nothing else") {
  // Every range of a small world, held against every address around it.
  const auto address = [](unsigned last) {
    return IpAddress::v4({10, 0, static_cast<std::uint8_t>(last >> 8), static_cast<std::uint8_t>(last)});
  };
  for (unsigned first = 240; first < 272; ++first) {
    for (unsigned last = first; last < 272; ++last) {
      const auto range = parse_range(address(first).to_string() + '-' + address(last).to_string());
      REQUIRE(range);
      for (unsigned each = 236; each < 276; ++each) {
        const auto holding = std::ranges::count_if(
            *range, [&](const Prefix& network) { return network.contains(address(each)); });
        REQUIRE(holding == (each >= first && each <= last ? 1 : 0));
      }
    }
  }
}

TEST_CASE("the worst range is bounded") {
  CHECK(parse_range("0.0.0.1-255.255.255.254")->size() == 62);
  CHECK(parse_range("::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe")->size() == 254);
}

TEST_CASE("what is no range") {
  for (const char* text : {"10.0.0.1", "10.0.0.2-10.0.0.1", "10.0.0.1-::1", "10.0.0.1-", "-10.0.0.1",
                           "10.0.0.0/8-11.0.0.0/8", "10.0.0.1 - 10.0.0.2", "10.0.0.1-10.0.0.2-10.0.0.3"}) {
    CHECK(networks(text) == "(none)");
  }
}

}  // namespace
}  // namespace tollgate
