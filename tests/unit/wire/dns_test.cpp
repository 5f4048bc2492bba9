// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/dns.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "packet_builder.hpp"

namespace tollgate::test {
namespace {

DnsName name(std::string_view text) {
  const auto parsed = DnsName::parse(text);
  REQUIRE(parsed);
  return *parsed;
}

Bytes encoded(std::string_view text) {
  const DnsName parsed = name(text);
  return {parsed.bytes().begin(), parsed.bytes().end()};
}

// A response with one question for www.example.org (at 12) and what is added.
class Message {
 public:
  explicit Message(std::size_t answers, std::size_t flags = 0x8180, std::size_t additionals = 0) {
    out_.u16(77).u16(flags).u16(1).u16(answers).u16(0).u16(additionals);
    out_.add(encoded("www.example.org")).u16(1).u16(1);
  }
  Message& record(const Bytes& owner, std::size_t type, std::size_t ttl, const Bytes& data) {
    out_.add(owner).u16(type).u16(1).u32(ttl).u16(data.size()).add(data);
    return *this;
  }
  std::size_t size() const { return out_.size(); }
  Bytes bytes() { return out_.bytes(); }

 private:
  ByteWriter out_;
};

const Bytes kQuestionName{0xc0, 12};

std::string error_of(const Bytes& bytes) {
  auto reader = DnsReader::open(bytes);
  if (!reader) return std::string{to_string(reader.error())};
  DnsRecord record;
  while (reader->next_record(record)) continue;
  return reader->error() ? std::string{to_string(*reader->error())} : "";
}

std::vector<DnsRecord> records(const Bytes& bytes) {
  auto reader = DnsReader::open(bytes);
  REQUIRE(reader);
  std::vector<DnsRecord> all;
  DnsRecord record;
  while (reader->next_record(record)) all.push_back(record);
  return all;
}

TEST_CASE("DNS names: text and back", "[dns]") {
  CHECK(name("WWW.Example.ORG").text() == "www.example.org");
  CHECK(name("www.example.org.") == name("www.example.org"));
  CHECK(name("").is_root());
  CHECK(name("").text() == "");
  const DnsName odd = name(R"(a\.b\\c.\032\255x.example)");
  CHECK(odd.text() == R"(a\.b\\c.\032\255x.example)");
  CHECK(odd.first_label().size() == 5);
  CHECK_FALSE(DnsName::parse("a..b"));
  CHECK_FALSE(DnsName::parse("."));
  CHECK_FALSE(DnsName::parse(R"(\25)"));
  CHECK_FALSE(DnsName::parse(R"(\256)"));
  CHECK_FALSE(DnsName::parse("a\\"));
  const std::string label(63, 'a');
  CHECK(DnsName::parse(label));
  CHECK_FALSE(DnsName::parse(label + "a"));
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'a');
  CHECK(name(longest).bytes().size() == 255);
  CHECK_FALSE(DnsName::parse(longest + "a"));
}

TEST_CASE("DNS names: what is within what", "[dns]") {
  CHECK(name("www.example.org").is_within(name("example.org")));
  CHECK(name("example.org").is_within(name("example.org")));
  CHECK(name("example.org").is_within(name("")));
  CHECK_FALSE(name("example.org").is_within(name("www.example.org")));
  CHECK_FALSE(name("badexample.org").is_within(name("example.org")));
  // The bytes of one label may look like others.
  CHECK_FALSE(name(R"(x\003org)").is_within(name("org")));
  const auto changed = name("a.b.old.example").with_suffix_replaced(name("old.example"), name("new.org"));
  REQUIRE(changed);
  CHECK(changed->text() == "a.b.new.org");
  CHECK_FALSE(name("a.example").with_suffix_replaced(name("old.example"), name("new.org")));
  const std::string label(63, 'a');
  CHECK_FALSE(name(label + ".b").with_suffix_replaced(name("b"), name(label + "." + label + "." + label)));
}

TEST_CASE("DNS: header and question", "[dns]") {
  const Bytes message = Message{0, 0x8583}.bytes();
  auto reader = DnsReader::open(message);
  REQUIRE(reader);
  CHECK(reader->header().id == 77);
  CHECK(reader->header().response);
  CHECK(reader->header().rcode == 3);
  CHECK_FALSE(reader->header().truncated);
  DnsQuestion question;
  REQUIRE(reader->next_question(question));
  CHECK(question.name.text() == "www.example.org");
  CHECK(question.type == DnsType::a);
  CHECK(question.internet);
  CHECK_FALSE(reader->next_question(question));
  CHECK_FALSE(reader->error());
  CHECK(error_of(Bytes(11)) == "truncated");
}

TEST_CASE("DNS: addresses, aliases, and their time to live", "[dns]") {
  const auto all = records(Message{3}
                               .record(kQuestionName, 5, 60, {4, 'h', 'o', 's', 't', 0xc0, 16})
                               .record(encoded("host.example.org"), 1, 0x80000000, {192, 0, 2, 1})
                               .record(encoded("HOST.example.org"), 28, 5, Bytes(16, 0xfd))
                               .bytes());
  REQUIRE(all.size() == 3);
  CHECK(all[0].name.text() == "www.example.org");
  CHECK(all[0].target.text() == "host.example.org");
  CHECK(all[0].ttl == 60);
  CHECK(all[1].address_count == 1);
  CHECK(all[1].addresses[0].to_string() == "192.0.2.1");
  CHECK(all[1].ttl == 0);  // RFC 2181 §8
  CHECK(all[2].name == all[1].name);
  CHECK(all[2].addresses[0].to_string() == "fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd");
}

TEST_CASE("DNS: SRV, HTTPS with hints, OPT", "[dns]") {
  Bytes srv = ByteWriter{}.u16(1).u16(2).u16(5222).add(encoded("xmpp.example.org")).bytes();
  Bytes https = ByteWriter{}.u16(1).u8(0).u16(1).u16(3).u8(2).u8('h').u8('2').bytes();
  https = ByteWriter{}
              .add(https)
              .u16(4)
              .u16(8)
              .add(Bytes{192, 0, 2, 1, 192, 0, 2, 2})
              .u16(5)
              .u16(1)
              .u8(9)
              .u16(6)
              .u16(16)
              .add(Bytes(16, 1))
              .bytes();
  const Bytes message = Message{2, 0x8180, 1}
                            .record(kQuestionName, 33, 60, srv)
                            .record(kQuestionName, 65, 60, https)
                            .record({0}, 41, 0x00008000, {})
                            .bytes();
  const auto all = records(message);
  REQUIRE(all.size() == 3);
  CHECK(all[0].target.text() == "xmpp.example.org");
  CHECK(all[1].priority == 1);
  CHECK(all[1].target.is_root());
  CHECK(all[1].encrypted_client_hello);
  REQUIRE(all[1].address_count == 3);
  CHECK(all[1].addresses[1].to_string() == "192.0.2.2");
  CHECK(all[1].addresses[2].family() == Family::ipv6);
  CHECK(all[2].type == DnsType::opt);
  CHECK(all[2].section == DnsSection::additional);
  CHECK(all[2].ttl == 0);
}

TEST_CASE("DNS: data that contradicts its type", "[dns]") {
  const auto with = [](std::size_t type, const Bytes& data) {
    return error_of(Message{1}.record(kQuestionName, type, 60, data).bytes());
  };
  CHECK(with(1, {1, 2, 3}) == "bad_data");
  CHECK(with(1, {1, 2, 3, 4, 5}) == "bad_data");
  CHECK(with(28, Bytes(15)) == "bad_data");
  CHECK(with(5, {3, 'o', 'r'}) == "bad_data");
  CHECK(with(5, {0, 0}) == "bad_data");
  CHECK(with(33, {0, 0, 0}) == "bad_data");
  CHECK(with(65, {0}) == "bad_data");
  CHECK(with(65, {0, 1, 0, 0, 4, 0, 3, 1, 2, 3}) == "bad_data");
  CHECK(with(65, {0, 1, 0, 0, 4, 0, 9, 1, 2, 3}) == "bad_data");
  CHECK(with(65, {0, 1, 0, 0, 4, 0, 0}) == "bad_data");
  CHECK(with(12, {9, 9, 9}) == "");  // PTR is not read
}

TEST_CASE("DNS: pointers have to go down", "[dns]") {
  const auto with = [](const Bytes& owner) { return error_of(Message{1}.record(owner, 16, 60, {}).bytes()); };
  const std::uint8_t here = static_cast<std::uint8_t>(Message{1}.size());
  CHECK(with({0xc0, 12}) == "");
  CHECK(with({0xc0, here}) == "bad_pointer");                                 // itself
  CHECK(with({1, 'a', 0xc0, here}) == "bad_pointer");                         // its own beginning
  CHECK(with({0xc0, static_cast<std::uint8_t>(here + 1)}) == "bad_pointer");  // what follows
  CHECK(with({0xff, 0xff}) == "bad_pointer");                                 // outside
  CHECK(with({0x40}) == "bad_label");
  CHECK(with({0x80, 1}) == "bad_label");
  CHECK(with({63, 'a'}) == "truncated");
  CHECK(with({0xc0, 0}) == "");  // the header, read as a name: 0x00 ends it
}

TEST_CASE("DNS: a ladder of pointers costs no more than it may", "[dns]") {
  // Each points to the one before: a name of no labels, with as many steps as there are pointers.
  ByteWriter out;
  out.u16(1).u16(0x8180).u16(0).u16(1).u16(0).u16(0);
  Bytes ladder{0};
  for (std::size_t at = 0; at < 200; ++at) {
    const std::size_t to = 12 + 10 + 1 + (at == 0 ? 0 : at * 2 - 1);
    ladder.push_back(static_cast<std::uint8_t>(0xc0 | to >> 8));
    ladder.push_back(static_cast<std::uint8_t>(to));
  }
  out.u8(0).u16(16).u16(1).u32(0).u16(ladder.size()).add(ladder);
  const Bytes message = out.bytes();
  const auto steps = [&](std::size_t count) {
    DnsName read;
    const std::size_t position = 12 + 11 + 1 + (count - 1) * 2;
    Reader in{message};
    REQUIRE(in.skip(position));
    return read_dns_name(Reader{message}, position, in, read);
  };
  CHECK_FALSE(steps(1));
  CHECK_FALSE(steps(kMaxDnsPointers));
  CHECK(steps(kMaxDnsPointers + 1) == DnsError::bad_pointer);
}

TEST_CASE("DNS: counts that promise too much", "[dns]") {
  CHECK(error_of(Message{2}.record(kQuestionName, 16, 1, {}).bytes()) == "truncated");
  CHECK(error_of(Message{2, 0x8380}.record(kQuestionName, 16, 1, {}).bytes()) == "");  // TC: it says so
  Message many{kMaxDnsRecords + 1};
  for (unsigned i = 0; i <= kMaxDnsRecords; ++i) many.record({0}, 16, 1, {});
  CHECK(error_of(many.bytes()) == "too_many");
  CHECK(records(many.bytes()).size() == kMaxDnsRecords);
  ByteWriter questions;
  questions.u16(1).u16(0).u16(0xffff).u16(0).u16(0).u16(0);
  for (unsigned i = 0; i <= kMaxDnsQuestions; ++i) questions.u8(0).u16(1).u16(1);
  CHECK(error_of(questions.bytes()) == "too_many");
}

TEST_CASE("DNS: names on the wire are bounded", "[dns]") {
  ByteWriter out;
  out.u16(1).u16(0).u16(1).u16(0).u16(0).u16(0);
  for (int i = 0; i < 4; ++i) out.u8(63).zeros(63);
  CHECK(error_of(out.u8(0).u16(1).u16(1).bytes()) == "long_name");
}

TEST_CASE("DNS: other classes have no addresses, mDNS' bits are taken off", "[dns]") {
  ByteWriter out;
  out.u16(0).u16(0x8400).u16(0).u16(2).u16(0).u16(0);
  out.add(encoded("a.local")).u16(1).u16(0x8001).u32(120).u16(4).add(Bytes{192, 0, 2, 1});
  out.add(encoded("a.local")).u16(1).u16(3).u32(120).u16(2).add(Bytes{1, 2});
  const auto all = records(out.bytes());
  REQUIRE(all.size() == 2);
  CHECK(all[0].internet);
  CHECK(all[0].address_count == 1);
  CHECK_FALSE(all[1].internet);
  CHECK(all[1].address_count == 0);
}

}  // namespace
}  // namespace tollgate::test
