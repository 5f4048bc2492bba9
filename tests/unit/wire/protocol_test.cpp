// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/protocol.hpp"

#include <string>

#include "catch.hpp"
#include "tollgate/wire/icmp.hpp"
#include "tollgate/wire/parse_error.hpp"

namespace tollgate {
namespace {

TEST_CASE("protocols have names") {
  const auto [number, name] = GENERATE(table<int, std::string>({
      {1, "icmp"},
      {2, "igmp"},
      {6, "tcp"},
      {17, "udp"},
      {33, "dccp"},
      {47, "gre"},
      {50, "esp"},
      {51, "ah"},
      {58, "icmpv6"},
      {132, "sctp"},
      {136, "udplite"},
      {0, "0"},
      {59, "59"},
      {89, "89"},
      {255, "255"},
  }));
  const Protocol protocol{static_cast<std::uint8_t>(number)};
  CHECK(to_string(protocol) == name);
  CHECK(parse_protocol(name) == protocol);
  CHECK(parse_protocol(std::to_string(number)) == protocol);
}

TEST_CASE("every number is a protocol, and its text names it again") {
  for (unsigned number = 0; number < 256; ++number) {
    const Protocol protocol{static_cast<std::uint8_t>(number)};
    CHECK(parse_protocol(to_string(protocol)) == protocol);
  }
}

TEST_CASE("what is no protocol is refused") {
  const std::string text =
      GENERATE("", "TCP", "tcp ", "256", "1000", "-1", "+6", "06", "00", "6a", " 6", "0x6", "ipv6-icmp");
  CAPTURE(text);
  CHECK_FALSE(parse_protocol(text));
}

TEST_CASE("protocols with ports, and ICMP") {
  for (unsigned number = 0; number < 256; ++number) {
    const Protocol protocol{static_cast<std::uint8_t>(number)};
    const bool ports = number == 6 || number == 17 || number == 33 || number == 132 || number == 136;
    CHECK(has_ports(protocol) == ports);
    CHECK(is_icmp(protocol) == (number == 1 || number == 58));
  }
}

TEST_CASE("ICMP errors quote a packet, other messages do not") {
  for (unsigned type = 0; type < 256; ++type) {
    const auto number = static_cast<std::uint8_t>(type);
    const bool error4 = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    CHECK(is_icmp_error(Protocol::icmp, number) == error4);
    CHECK(is_icmp_error(Protocol::icmpv6, number) == (type < 128));
    CHECK_FALSE(is_icmp_error(Protocol::tcp, number));
  }
}

TEST_CASE("every parse error has a name of its own") {
  const auto [error, name] = GENERATE(table<ParseError, std::string>({
      {ParseError::empty, "empty"},
      {ParseError::bad_version, "bad_version"},
      {ParseError::truncated, "truncated"},
      {ParseError::bad_length, "bad_length"},
      {ParseError::jumbo, "jumbo"},
      {ParseError::extension_chain, "extension_chain"},
      {ParseError::bad_fragment, "bad_fragment"},
      {ParseError::beyond_copy_range, "beyond_copy_range"},
      {ParseError::count_, ""},
  }));
  CHECK(to_string(error) == name);
}

}  // namespace
}  // namespace tollgate
