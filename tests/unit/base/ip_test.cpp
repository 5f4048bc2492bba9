// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/base/ip.hpp"

#include <set>
#include <string>
#include <utility>

#include "catch.hpp"

namespace tollgate {
namespace {

IpAddress ip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  if (!address) FAIL("no address: " << text);
  return *address;
}

Prefix net(std::string_view text) {
  const auto prefix = Prefix::parse(text);
  if (!prefix) FAIL("no prefix: " << text);
  return *prefix;
}

TEST_CASE("an address is printed in its one form") {
  const auto [text, printed] = GENERATE(table<std::string, std::string>({
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"192.0.2.10", "192.0.2.10"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"2001:0db8::0001", "2001:db8::1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // one zero group is not shortened
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           // the longest run
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},     // the first of two
      {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
      {"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
      {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
      {"::ffff:c000:201", "::ffff:192.0.2.1"},
      {"1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"},
      {"64:ff9b::192.0.2.1", "64:ff9b::c000:201"},
      {"::1.2.3.4", "::102:304"},
      {"::ffff:0:1.2.3.4", "::ffff:0:102:304"},
  }));
  CAPTURE(text);
  CHECK(ip(text).to_string() == printed);
  CHECK(ip(printed) == ip(text));
}

TEST_CASE("what is no address is refused") {
  const std::string text = GENERATE(
      "", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.1.1.1", "01.2.3.4", "1.2.3.04",
      "+1.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.a", "0x1.2.3.4", "1.2.3.1000", ":", ":::", "::1::", "1:2",
      "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8",
      ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "12345::", "g::", "-1::", "::1%eth0", "[::1]",
      "1.2.3.4::", "::1.2.3", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4",
      "1:1.2.3.4::", "1:2:3:4:5:6:7:8:1.2.3.4", "::1.2.3.4.5", "::256.1.1.1", "1::2 ", "::+1");
  CAPTURE(text);
  CHECK_FALSE(IpAddress::parse(text));
  CHECK_FALSE(Prefix::parse(text));
}

TEST_CASE("addresses know what they are") {
  CHECK(ip("10.0.0.1").family() == Family::ipv4);
  CHECK(ip("10.0.0.1").bits() == 32);
  CHECK(ip("::1").family() == Family::ipv6);
  CHECK(ip("::1").bits() == 128);
  CHECK(IpAddress{} == ip("0.0.0.0"));
  CHECK(ip("10.0.0.1") == IpAddress::v4({10, 0, 0, 1}));
  CHECK(ip("10.0.0.1").bytes()[4] == 0);
  CHECK(ip("::ffff:10.0.0.1") != ip("10.0.0.1"));
  CHECK(ip("::") != ip("0.0.0.0"));

  CHECK(ip("127.0.0.1").is_loopback());
  CHECK(ip("127.255.0.1").is_loopback());
  CHECK_FALSE(ip("128.0.0.1").is_loopback());
  CHECK(ip("::1").is_loopback());
  CHECK_FALSE(ip("::2").is_loopback());
  CHECK_FALSE(ip("1::1").is_loopback());
  CHECK_FALSE(ip("::ffff:127.0.0.1").is_loopback());

  CHECK(ip("224.0.0.1").is_multicast());
  CHECK(ip("239.255.255.255").is_multicast());
  CHECK_FALSE(ip("223.255.255.255").is_multicast());
  CHECK_FALSE(ip("240.0.0.1").is_multicast());
  CHECK(ip("ff02::1").is_multicast());
  CHECK_FALSE(ip("fe80::1").is_multicast());
}

TEST_CASE("addresses have an order: IPv4 first, then by number") {
  CHECK(ip("255.0.0.0") < ip("::"));
  CHECK(ip("9.0.0.0") < ip("10.0.0.0"));
  CHECK(std::set{ip("10.0.0.1"), ip("10.0.0.1"), ip("::1")}.size() == 2);
}

TEST_CASE("a prefix is printed as it is parsed") {
  const auto [text, printed] = GENERATE(table<std::string, std::string>({
      {"10.0.0.0/8", "10.0.0.0/8"},
      {"0.0.0.0/0", "0.0.0.0/0"},
      {"10.0.0.1", "10.0.0.1/32"},
      {"10.0.0.1/32", "10.0.0.1/32"},
      {"10.128.0.0/9", "10.128.0.0/9"},
      {"2001:db8::/32", "2001:db8::/32"},
      {"::/0", "::/0"},
      {"::1", "::1/128"},
      {"2001:db8:8000::/33", "2001:db8:8000::/33"},
  }));
  CHECK(net(text).to_string() == printed);
  CHECK(net(printed) == net(text));
}

TEST_CASE("what is no network is refused") {
  const std::string text =
      GENERATE("10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8/8", "/8",
               "10.0.0.0/8 ", "10/8", "2001:db8::1/32", "::/129", "::/1000", "2001:db8:8000::/32",
               "10.64.0.0/9", "10.0.0.0/255.0.0.0", "128.0.0.0/0");
  CAPTURE(text);
  CHECK_FALSE(Prefix::parse(text));
}

TEST_CASE("a prefix contains its own addresses and no others") {
  const auto [prefix, address, inside] = GENERATE(table<std::string, std::string, bool>({
      {"10.0.0.0/8", "10.255.0.1", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"10.128.0.0/9", "10.128.0.1", true},
      {"10.128.0.0/9", "10.127.255.255", false},
      {"10.0.0.1", "10.0.0.1", true},
      {"10.0.0.1", "10.0.0.2", false},
      {"0.0.0.0/0", "255.255.255.255", true},
      {"0.0.0.0/0", "::", false},
      {"::/0", "0.0.0.0", false},
      {"::/0", "ffff::1", true},
      {"2001:db8::/32", "2001:db8:ffff::1", true},
      {"2001:db8::/32", "2001:db9::1", false},
      {"2001:db8::/127", "2001:db8::1", true},
      {"2001:db8::/127", "2001:db8::2", false},
      {"::1", "::1", true},
      {"10.0.0.0/8", "a00::", false},  // the same bits, another family
  }));
  CAPTURE(prefix, address);
  CHECK(net(prefix).contains(ip(address)) == inside);
}

}  // namespace
}  // namespace tollgate
