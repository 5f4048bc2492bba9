// SPDX-License-Identifier: GPL-2.0-or-later
// The structures under the policy, each against the plain way to do the same.
#include <algorithm>
#include <random>
#include <vector>

#include "../../../src/policy/address_list.hpp"
#include "../../../src/policy/list_reader.hpp"
#include "../../../src/policy/range_map.hpp"
#include "../../../src/policy/sorted_keys.hpp"
#include "catch.hpp"
#include "tollgate/base/glob.hpp"

namespace tollgate {
namespace {

Prefix prefix(const char* text) { return Prefix::parse(text).value(); }
IpAddress address(const char* text) { return IpAddress::parse(text).value(); }

TEST_CASE("keys of addresses and networks") {
  CHECK(ipv4_key(address("1.2.3.4").bytes()) == 0x01020304);
  CHECK(ipv6_key(address("2001:db8::1").bytes()) == WideKey{0x20010db800000000, 1});
  CHECK(last_of_network<std::uint32_t>(0x0a000000, 8) == 0x0affffff);
  CHECK(last_of_network<std::uint32_t>(0, 0) == 0xffffffff);
  CHECK(last_of_network<std::uint32_t>(7, 32) == 7);
  CHECK(last_of_network(WideKey{1, 0}, 64) == WideKey{1, ~std::uint64_t{0}});
  CHECK(last_of_network(WideKey{1, 2}, 128) == WideKey{1, 2});
  CHECK(last_of_network(WideKey{}, 0) == WideKey{~std::uint64_t{0}, ~std::uint64_t{0}});
  CHECK(successor(WideKey{1, ~std::uint64_t{0}}) == WideKey{2, 0});
}

TEST_CASE("sorted keys find the greatest that is not above") {
  for (const std::size_t count : std::initializer_list<std::size_t>{0, 1, 2, 63, 64, 65, 128, 1000}) {
    CAPTURE(count);
    std::vector<std::uint32_t> keys;
    for (std::uint32_t i = 0; i < count; ++i) keys.push_back(10 + 3 * i);
    const SortedKeys<std::uint32_t> sorted{keys};
    for (std::uint32_t key = 0; key < 3200; ++key) {
      const auto above = std::upper_bound(keys.begin(), keys.end(), key);
      const std::size_t expected = above == keys.begin() ? SortedKeys<std::uint32_t>::kNone
                                                         : static_cast<std::size_t>(above - keys.begin()) - 1;
      if (sorted.last_not_above(key) != expected) FAIL(key);
    }
  }
}

TEST_CASE("a list holds its networks, ends included, and nothing else") {
  const std::vector<Prefix> prefixes = {prefix("10.0.0.0/8"),      prefix("10.1.0.0/16"),
                                        prefix("192.0.2.7"),       prefix("2001:db8::/32"),
                                        prefix("2001:db9::1/128"), prefix("fe80::/10")};
  const AddressList list{prefixes};
  CHECK(list.size() == 5);  // 10.1/16 lies in 10/8
  for (const char* inside : {"10.0.0.0", "10.255.255.255", "10.1.2.3", "192.0.2.7", "2001:db8::",
                             "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::1", "febf::1"}) {
    CAPTURE(inside);
    CHECK(list.contains(address(inside)));
  }
  for (const char* outside :
       {"9.255.255.255", "11.0.0.0", "192.0.2.6", "192.0.2.8", "2001:db7::1", "2001:db9::", "2001:db9::2",
        "fec0::", "::", "::ffff:10.0.0.1", "0.0.0.0", "255.255.255.255"}) {
    CAPTURE(outside);
    CHECK_FALSE(list.contains(address(outside)));
  }
  CHECK_FALSE(AddressList{}.contains(address("10.0.0.1")));
  CHECK(AddressList{std::vector{prefix("0.0.0.0/0")}}.contains(address("255.255.255.255")));
  CHECK_FALSE(AddressList{std::vector{prefix("0.0.0.0/0")}}.contains(address("::")));
  CHECK(AddressList{std::vector{prefix("::/0")}}.has(Family::ipv6));
  CHECK_FALSE(AddressList{std::vector{prefix("::/0")}}.has(Family::ipv4));
}

TEST_CASE("a big list is exact and small") {
  std::mt19937 random{7};
  std::vector<Prefix> prefixes;
  for (int i = 0; i < 20'000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random()) & 0xffff'ff00;  // /24
    prefixes.push_back(
        {IpAddress::v4({static_cast<std::uint8_t>(bits >> 24), static_cast<std::uint8_t>(bits >> 16),
                        static_cast<std::uint8_t>(bits >> 8), 0}),
         24});
  }
  const AddressList list{prefixes};
  CHECK(list.bytes() <= 20'000 * 6);
  std::vector<std::uint32_t> networks;
  for (const Prefix& p : prefixes) networks.push_back(ipv4_key(p.address.bytes()) >> 8);
  std::ranges::sort(networks);
  std::size_t inside = 0;
  for (int i = 0; i < 50'000; ++i) {
    // Half of the keys at the edges of a network.
    const std::uint32_t edge =
        (networks[random() % networks.size()] << 8) + (random() % 2 == 0 ? 0xff : 0x100);
    const std::uint32_t key = i % 2 == 0 ? static_cast<std::uint32_t>(random()) : edge;
    const bool expected = std::ranges::binary_search(networks, key >> 8);
    if (list.contains4(key) != expected) FAIL(key);
    inside += expected ? 1 : 0;
  }
  CHECK(inside > 10'000);
}

// All rules of ranges that hold the key.
template <class Key>
std::vector<std::uint32_t> found(const RangeMap<Key>& map, const Key& key) {
  std::vector<std::uint32_t> rules;
  map.each(key, [&](RuleIds ids) {
    CHECK(std::ranges::is_sorted(ids));
    rules.insert(rules.end(), ids.begin(), ids.end());
  });
  std::ranges::sort(rules);
  return rules;
}

TEST_CASE("a range map finds every range around a key") {
  using Ids = std::vector<std::uint32_t>;
  const std::uint32_t top = 0xffffffff;
  const RangeMap<std::uint32_t> map{{{8, 15, 3},
                                     {0, top, 9},
                                     {8, 15, 1},
                                     {12, 12, 2},
                                     {16, 31, 4},
                                     {15, 15, 5},
                                     {top, top, 6},
                                     {8, 15, 3}}};
  CHECK(found(map, 0U) == Ids{9});
  CHECK(found(map, 8U) == Ids{1, 3, 9});
  CHECK(found(map, 12U) == Ids{1, 2, 3, 9});
  CHECK(found(map, 13U) == Ids{1, 3, 9});
  CHECK(found(map, 15U) == Ids{1, 3, 5, 9});
  CHECK(found(map, 16U) == Ids{4, 9});
  CHECK(found(map, 32U) == Ids{9});
  CHECK(found(map, top) == Ids{6, 9});
  CHECK(map.count(15) == 4);
  const RangeMap<std::uint32_t> inner{{{5, 5, 0}}};
  CHECK(found(inner, 4U).empty());
  CHECK(found(inner, 5U) == Ids{0});
  CHECK(found(inner, 6U).empty());
  CHECK(RangeMap<std::uint32_t>{}.empty());
  CHECK(found(RangeMap<std::uint32_t>{}, 0U).empty());
}

TEST_CASE("a range map of wide keys carries over the middle") {
  const std::uint64_t ones = ~std::uint64_t{0};
  const RangeMap<WideKey> map{{{WideKey{1, 0}, WideKey{1, ones}, 7}, {WideKey{}, WideKey{ones, ones}, 8}}};
  CHECK(found(map, WideKey{1, ones}) == std::vector<std::uint32_t>{7, 8});
  CHECK(found(map, WideKey{2, 0}) == std::vector<std::uint32_t>{8});
  CHECK(found(map, WideKey{0, ones}) == std::vector<std::uint32_t>{8});
}

TEST_CASE("globs") {
  CHECK(glob_matches("eth0", "eth0"));
  CHECK_FALSE(glob_matches("eth0", "eth01"));
  CHECK_FALSE(glob_matches("eth0", "eth"));
  CHECK(glob_matches("eth*", "eth"));
  CHECK(glob_matches("eth?", "eth1"));
  CHECK_FALSE(glob_matches("eth?", "eth"));
  CHECK(glob_matches("*", ""));
  CHECK(glob_matches("*a*b", "xaxbaab"));
  CHECK_FALSE(glob_matches("*a*b", "xaxbaa"));
  CHECK(glob_matches("**x", "x"));
  CHECK_FALSE(glob_matches("", "x"));
  CHECK(glob_matches("", ""));
  // Patterns that make a naive search run for ever.
  CHECK_FALSE(glob_matches("*a*a*a*a*a*a*a*a*a*a*a*b", std::string(2000, 'a')));
}

TEST_CASE("list files") {
  FileDiagnostics diagnostics{"f"};
  CHECK(parse_list_file("", diagnostics).empty());
  CHECK(parse_list_file("\n# c\n  \n", diagnostics).empty());
  CHECK(parse_list_file("10.0.0.0/8#c\r\n  ::1  # d\n1.2.3.4", diagnostics) ==
        std::vector{prefix("10.0.0.0/8"), prefix("::1"), prefix("1.2.3.4")});
  CHECK(diagnostics.empty());
}

}  // namespace
}  // namespace tollgate
