// SPDX-License-Identifier: GPL-2.0-or-later
#include "nameserver/dns_query.hpp"

#include <string>

#include "catch.hpp"
#include "dns_builder.hpp"

namespace tollgate {
namespace {

using test::Bytes;
using test::ByteWriter;
using test::DnsBuilder;

// An OPT record (RFC 6891 §6.1.2) at the end of a query.
Bytes with_opt(Bytes query, std::size_t payload, std::size_t version = 0, bool dnssec_ok = false) {
  query[11] = static_cast<std::uint8_t>(query[11] + 1);
  const Bytes opt =
      ByteWriter{}.u8(0).u16(41).u16(payload).u32(version << 16 | (dnssec_ok ? 0x8000U : 0U)).u16(0).bytes();
  query.insert(query.end(), opt.begin(), opt.end());
  return query;
}

ParsedQuery parsed(const Bytes& message) {
  const auto query = parse_dns_query(message);
  REQUIRE(query.ok());
  return *query;
}

TEST_CASE("a plain question") {
  const ParsedQuery asked = parsed(DnsBuilder{0x1234}.question("www.example.test", DnsType::aaaa).build());
  CHECK(asked.rcode == DnsRcode::no_error);
  CHECK(asked.query.id == 0x1234);
  CHECK(asked.query.recursion_desired);
  CHECK_FALSE(asked.query.checking_disabled);
  CHECK(asked.query.name.text() == "www.example.test");
  CHECK(asked.query.type == DnsType::aaaa);
  CHECK_FALSE(asked.query.edns);
  CHECK(asked.query.question.size() == std::string{"\3www\7example\4test"}.size() + 1 + 4);
}

TEST_CASE("the question is kept letter for letter") {
  Bytes message = DnsBuilder{1}.question("abc.test").build();
  message[13] = 'A';
  message[15] = 'C';
  const ParsedQuery asked = parsed(message);
  CHECK(asked.query.name.text() == "abc.test");
  CHECK(asked.query.question == Bytes(message.begin() + 12, message.end()));
}

TEST_CASE("flags of who validates by themselves") {
  const ParsedQuery asked = parsed(DnsBuilder{1, false, 0x0030}.question("x").build());
  CHECK(asked.query.authentic_data);
  CHECK(asked.query.checking_disabled);
}

TEST_CASE("EDNS: payload, DO, version") {
  const Bytes plain = DnsBuilder{1}.question("x.test").build();
  const ParsedQuery good = parsed(with_opt(plain, 1400, 0, true));
  REQUIRE(good.query.edns);
  CHECK(good.rcode == DnsRcode::no_error);
  CHECK(good.query.edns->payload == 1400);
  CHECK(good.query.edns->dnssec_ok);
  CHECK_FALSE(parsed(with_opt(plain, 512)).query.edns->dnssec_ok);
  CHECK(parsed(with_opt(plain, 512, 1)).rcode == DnsRcode::bad_version);
  CHECK(parsed(with_opt(with_opt(plain, 512), 512)).rcode == DnsRcode::format_error);  // RFC 6891 §6.1.1
}

TEST_CASE("what is no query gets no answer") {
  CHECK(parse_dns_query(DnsBuilder(1, true).question("x").build()).error() == NoQuery::response);
  const Bytes good = DnsBuilder{1}.question("x").build();
  for (std::size_t size = 0; size < 12; ++size) {
    CHECK(parse_dns_query(std::span{good}.first(size)).error() == NoQuery::too_short);
  }
}

TEST_CASE("malformed queries are format errors, wherever they are cut") {
  const Bytes good = with_opt(DnsBuilder{7}.question("www.example.test").build(), 1232);
  for (std::size_t size = 12; size < good.size(); ++size) {
    INFO(size);
    const ParsedQuery cut = parsed(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
    CHECK(cut.rcode == DnsRcode::format_error);
    CHECK(cut.query.id == 7);
  }
  CHECK(parsed(DnsBuilder{1}.build()).rcode == DnsRcode::format_error);
  CHECK(parsed(DnsBuilder{1}.question("a").question("b").build()).rcode == DnsRcode::format_error);
  CHECK(parsed(DnsBuilder(1, false, 0x0200).question("a").build()).rcode == DnsRcode::format_error);
}

TEST_CASE("a name that points into the header is no name") {
  // id 0x0161, flags 0: the header's first bytes would be the label "a" and the end.
  Bytes message = DnsBuilder{0x0161}.question("x").build();
  message[2] = 0;
  message[12] = 0xc0;
  message[13] = 0;
  CHECK(parsed(message).rcode == DnsRcode::format_error);
}

TEST_CASE("what a resolver does not do") {
  CHECK(parsed(DnsBuilder(1, false, 0x2000).question("x").build()).rcode == DnsRcode::not_implemented);
  CHECK(parsed(DnsBuilder{1}.question("x", DnsType{252}).build()).rcode == DnsRcode::refused);  // AXFR
  CHECK(parsed(DnsBuilder{1}.question("x", DnsType{251}).build()).rcode == DnsRcode::refused);  // IXFR
  CHECK(parsed(DnsBuilder{1}.question("x", DnsType{249}).build()).rcode == DnsRcode::refused);  // TKEY
  CHECK(parsed(DnsBuilder{1}.question("x", DnsType::opt).build()).rcode == DnsRcode::refused);
  CHECK(parsed(DnsBuilder{1}.question("x", DnsType::any).build()).rcode == DnsRcode::no_error);
  Bytes chaos = DnsBuilder{1}.question("version.bind", DnsType{16}).build();
  chaos.back() = 3;
  CHECK(parsed(chaos).rcode == DnsRcode::refused);
  Bytes unicast = DnsBuilder{1}.question("x.local").build();
  unicast[unicast.size() - 2] = 0x80;
  CHECK(parsed(unicast).rcode == DnsRcode::refused);
}

}  // namespace
}  // namespace tollgate
