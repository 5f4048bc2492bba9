// SPDX-License-Identifier: GPL-2.0-or-later
#include "nameserver/dns_answer.hpp"

#include <string>

#include "catch.hpp"
#include "dns_builder.hpp"

namespace tollgate {
namespace {

using test::Bytes;
using test::ByteWriter;
using test::DnsBuilder;

constexpr DnsType kRrsig{46}, kNsec{47}, kMx{15}, kText{16};

DnsQuery query_for(const std::string& name, DnsType type = DnsType::a) {
  const auto parsed = parse_dns_query(DnsBuilder{77}.question(name, type).build());
  REQUIRE(parsed.ok());
  return parsed->query;
}

DnsQuery with_edns(DnsQuery query, std::uint16_t payload = 1232, bool dnssec_ok = false) {
  query.edns = DnsQuery::Edns{payload, dnssec_ok};
  return query;
}

struct Read {
  DnsHeader header;
  std::vector<DnsRecord> records;
};

Read read(const Bytes& message) {
  auto in = DnsReader::open(message);
  REQUIRE(in.ok());
  Read result{in->header(), {}};
  for (DnsRecord record; in->next_record(record);) result.records.push_back(record);
  REQUIRE_FALSE(in->error());
  return result;
}

unsigned flags(const Bytes& message) { return unsigned{message[2]} << 8 | message[3]; }

Bytes answered(const DnsQuery& query, const Bytes& resolved, const AnswerSays& says = {},
               std::size_t limit = kMaxTcpAnswer) {
  const auto answer = answer_with(query, says, resolved, limit);
  REQUIRE(answer);
  return *answer;
}

TEST_CASE("an answer is the query's: id, question, flags") {
  DnsQuery query = query_for("www.example.test");
  query.question[1] = 'W';
  const Bytes resolved =
      DnsBuilder(0, true).question("www.example.test").a("www.example.test", "192.0.2.1").build();
  const Bytes answer = answered(query, resolved);
  CHECK(flags(answer) == 0x8180);
  CHECK(answer[13] == 'W');
  const Read got = read(answer);
  CHECK(got.header.id == 77);
  REQUIRE(got.records.size() == 1);
  CHECK(got.records[0].addresses[0].to_string() == "192.0.2.1");
  CHECK(got.records[0].ttl == 300);
}

TEST_CASE("rcodes of the resolver reach the asker, and the negative answer's SOA") {
  const Bytes resolved = DnsBuilder(0, true).question("no.test").build();
  const Bytes answer = answered(query_for("no.test"), resolved, {DnsRcode::no_such_name});
  CHECK(flags(answer) == 0x8183);
}

TEST_CASE("AD for who understands it, if it was validated") {
  const Bytes resolved = DnsBuilder(0, true).question("x.test").a("x.test", "192.0.2.1").build();
  const AnswerSays secure{DnsRcode::no_error, true};
  DnsQuery query = query_for("x.test");
  CHECK((flags(answered(query, resolved, secure)) & 0x20) == 0);
  query.authentic_data = true;
  CHECK((flags(answered(query, resolved, secure)) & 0x20) != 0);
  CHECK((flags(answered(query, resolved)) & 0x20) == 0);
  CHECK((flags(answered(with_edns(query_for("x.test"), 1232, true), resolved, secure)) & 0x20) != 0);
}

TEST_CASE("the resolver's OPT is replaced by ours, or by nothing") {
  const Bytes resolved = DnsBuilder(0, true)
                             .question("x.test")
                             .a("x.test", "192.0.2.1")
                             .additional()
                             .record("", DnsType::opt, {}, 0)
                             .build();
  CHECK(read(answered(query_for("x.test"), resolved)).records.size() == 1);
  const Read got = read(answered(with_edns(query_for("x.test"), 4096, true), resolved));
  REQUIRE(got.records.size() == 2);
  CHECK(got.records[1].type == DnsType::opt);
  CHECK(got.records[1].edns_payload == kMaxUdpAnswer);
  CHECK(got.records[1].dnssec_ok);
}

TEST_CASE("DNSSEC's records are for who asks for them") {
  const Bytes resolved = DnsBuilder(0, true)
                             .question("x.test")
                             .cname("x.test", "y.test")
                             .record("x.test", kRrsig, {1, 2, 3})
                             .a("y.test", "192.0.2.1")
                             .record("y.test", kRrsig, {1, 2, 3})
                             .record("y.test", kNsec, {0})
                             .build();
  const Read plain = read(answered(query_for("x.test"), resolved));
  REQUIRE(plain.records.size() == 2);
  CHECK(plain.header.answers == 2);
  CHECK(plain.records[0].target.text() == "y.test");
  CHECK(plain.records[1].name.text() == "y.test");
  CHECK(read(answered(with_edns(query_for("x.test"), 1232, true), resolved)).header.answers == 5);
  // Asked for by their own type they are the answer.
  CHECK(read(answered(query_for("x.test", kRrsig), resolved)).header.answers == 4);
}

TEST_CASE("names stay what they were when records before them are left out") {
  // Written by hand: names that point back over an RRSIG.
  const auto pointer = [](ByteWriter& out, std::size_t to) { out.u16(0xc000 | to); };
  ByteWriter out;
  out.u16(0).u16(0x8180).u16(1).u16(3).u16(0).u16(0);
  out.add(DnsBuilder::name("Sub.Example.test")).u16(15).u16(1);
  pointer(out, 12);
  out.u16(46).u16(1).u32(60).u16(4).u32(0xdeadbeef);
  pointer(out, 12);
  const std::size_t exchange_at = out.size() + 12;
  out.u16(15).u16(1).u32(60).u16(2 + 5 + 2).u16(10).u8(4).add(test::bytes_of("Mail"));
  pointer(out, 16);  // Example.test
  pointer(out, exchange_at);
  out.u16(1).u16(1).u32(60).u16(4).u32(0xc0000201);
  const Bytes answer = answered(query_for("sub.example.test", kMx), out.bytes());
  const Read got = read(answer);
  REQUIRE(got.records.size() == 2);
  CHECK(got.records[0].type == kMx);
  CHECK(got.records[0].name.text() == "sub.example.test");
  CHECK(got.records[1].name.text() == "mail.example.test");
  const std::string text{answer.begin(), answer.end()};
  CHECK(text.find("\4Mail\7example\4test") != std::string::npos);  // uncompressed
}

TEST_CASE("what is too long is cut to nothing, and says so") {
  DnsBuilder builder{0, true};
  builder.question("x.test", kText);
  for (int i = 0; i < 5; ++i) builder.record("x.test", kText, Bytes(200, 'x'));
  const DnsQuery query = query_for("x.test", kText);
  CHECK(udp_limit(query) == 512);
  const Bytes cut = answered(query, builder.build(), {}, udp_limit(query));
  CHECK(flags(cut) == 0x8380);
  CHECK(read(cut).records.empty());
  CHECK(cut.size() < 512);
  CHECK(udp_limit(with_edns(query, 100)) == 512);
  CHECK(udp_limit(with_edns(query, 65535)) == kMaxUdpAnswer);
  CHECK(read(answered(with_edns(query), builder.build(), {}, udp_limit(with_edns(query)))).records.size() ==
        6);
}

TEST_CASE("an answer without records says why") {
  const DnsQuery query = with_edns(query_for("x.test"));
  const Bytes answer =
      empty_answer(query, {DnsRcode::server_failure, false, ExtendedError::dnssec_bogus, "no signatures"});
  CHECK(flags(answer) == 0x8182);
  // OPT: option 15, info code 6, text.
  const Bytes tail = ByteWriter{}.u16(15).u16(15).u16(6).add(test::bytes_of("no signatures")).bytes();
  CHECK(Bytes(answer.end() - static_cast<std::ptrdiff_t>(tail.size()), answer.end()) == tail);
  CHECK(read(answer).records.size() == 1);
  CHECK(empty_answer(query_for("x.test"), {DnsRcode::server_failure, false, ExtendedError::other, "x"})
            .size() == 12 + query.question.size());
}

TEST_CASE("a refusal: no such name, no such address, or no answer, and why") {
  const DnsQuery query = with_edns(query_for("ads.test"));
  const auto opt_of = [](const Bytes& answer) { return std::string{answer.begin(), answer.end()}; };
  const Bytes nothing = refused_answer(query, RefusedNames::nxdomain, "rule \"ads\"");
  CHECK((flags(nothing) & 0xf) == 3);
  CHECK(opt_of(nothing).find(std::string{"\0\17rule \"ads\"", 12}) != std::string::npos);  // 15: Blocked
  CHECK((flags(refused_answer(query, RefusedNames::refused, "x")) & 0xf) == 5);
  const Read zero = read(refused_answer(query, RefusedNames::zero, "x"));
  REQUIRE(zero.records.size() == 2);
  CHECK(zero.records[0].name.text() == "ads.test");
  CHECK(zero.records[0].addresses[0].to_string() == "0.0.0.0");
  const Read zero6 = read(refused_answer(query_for("ads.test", DnsType::aaaa), RefusedNames::zero, "x"));
  REQUIRE(zero6.records.size() == 1);
  CHECK(zero6.records[0].addresses[0].to_string() == "::");
  const Bytes text = refused_answer(query_for("ads.test", kText), RefusedNames::zero, "x");
  CHECK(read(text).records.empty());
  CHECK((flags(text) & 0xf) == 0);
}

TEST_CASE("an rcode past 15 goes by EDNS") {
  const Bytes answer = empty_answer(with_edns(query_for("x")), {DnsRcode::bad_version});
  CHECK((flags(answer) & 0xf) == 0);
  CHECK(answer[answer.size() - 6] == 1);  // the upper eight bits of the rcode, then version, flags, length
}

TEST_CASE("a query that could not be read is answered with its id alone") {
  DnsQuery query;
  query.id = 9;
  const Bytes answer = empty_answer(query, {DnsRcode::format_error});
  CHECK(answer == Bytes{0, 9, 0x80, 0x81, 0, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("a resolver's message that makes no sense is no answer, wherever it is cut") {
  const Bytes whole = DnsBuilder(0, true)
                          .question("x.test")
                          .cname("x.test", "y.test")
                          .record("x.test", kRrsig, {1})
                          .a("y.test", "192.0.2.1")
                          .build();
  const DnsQuery query = query_for("x.test");
  REQUIRE(answer_with(query, {}, whole, kMaxTcpAnswer));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    INFO(size);
    CHECK_FALSE(answer_with(query, {}, std::span{whole}.first(size), kMaxTcpAnswer));
  }
}

}  // namespace
}  // namespace tollgate
