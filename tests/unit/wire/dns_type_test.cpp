// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "tollgate/wire/dns.hpp"

namespace tollgate {
namespace {

TEST_CASE("types of records have names, or numbers") {
  CHECK(to_string(DnsType::aaaa) == "AAAA");
  CHECK(to_string(DnsType{257}) == "CAA");
  CHECK(to_string(DnsType{65280}) == "TYPE65280");
  CHECK(parse_dns_type("https") == DnsType::https);
  CHECK(parse_dns_type("Type1") == DnsType::a);
  for (const char* text : {"", "AA", "TYPE", "TYPE65536", "TYPE1x", "type-1", "1"}) {
    INFO(text);
    CHECK_FALSE(parse_dns_type(text));
  }
}

}  // namespace
}  // namespace tollgate
