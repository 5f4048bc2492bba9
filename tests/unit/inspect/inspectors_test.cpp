// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/inspect/inspectors.hpp"

#include <string>

#include "catch.hpp"
#include "client_hello.hpp"
#include "inspection_seed.hpp"

namespace tollgate::test {
namespace {

Conversation tcp(std::vector<Said> said) { return {Protocol::tcp, 443, std::move(said)}; }
Said client(std::string_view text) { return {true, bytes_of(text)}; }
Said client(const Bytes& bytes) { return {true, bytes}; }
Said server(std::string_view text) { return {false, bytes_of(text)}; }

// What is found, and whether it took all that was said.
FlowInspection told(const Conversation& conversation, const InspectionLimits& limits = {}) {
  Teller teller{conversation, limits};
  teller.syn();
  for (const Said& said : conversation.said) teller.next(said.client, said.bytes);
  return teller.take();
}

// "tls www.example.org encrypted", "- in clear", "smtp ?" and so on.
std::string summary(const FlowInspection& inspection) {
  const Findings& found = inspection.findings();
  std::string text = found.protocol ? std::string{to_string(*found.protocol)} : "-";
  for (const std::string& name : {found.sni, found.http_host}) {
    if (!name.empty()) text += " " + name;
  }
  if (found.malformed) text += " malformed";
  if (!inspection.finished()) return text + " ?";
  return text + (found.encrypted == true ? " encrypted" : " in clear");
}
std::string summary(std::vector<Said> said) { return summary(told(tcp(std::move(said)))); }

const HelloBuilder kHello = HelloBuilder{}.server_name("WWW.example.org").alpn({"h2", "\x01x\\"});

TEST_CASE("TLS: the name, in small letters, and the protocols", "[inspect]") {
  const FlowInspection inspection = told(tcp({client(kHello.records())}));
  CHECK(summary(inspection) == "tls www.example.org encrypted");
  CHECK(inspection.findings().alpn == std::vector<std::string>{"h2", R"(\x01x\x5c)"});
  CHECK_FALSE(inspection.findings().encrypted_client_hello);
  CHECK(inspection.packets() == 1);
  CHECK(
      told(tcp({client(HelloBuilder{}.extension(0xfe0d, {0}).records())})).findings().encrypted_client_hello);
}

TEST_CASE("TLS: over records of any size", "[inspect]") {
  for (std::size_t size = 1; size < 60; ++size) {
    INFO(size);
    CHECK(summary({client(kHello.records(size))}) == "tls www.example.org encrypted");
  }
}

TEST_CASE("TLS: looks no more often than something can have changed", "[inspect]") {
  const Bytes hello = kHello.records();
  Findings found;
  CHECK(inspect_tls({hello.data(), 3}, found) == Inspected{Finding::need_more, tls::kRecordHeader});
  CHECK(inspect_tls({hello.data(), 6}, found) == Inspected{Finding::need_more, hello.size()});
  CHECK(inspect_tls(hello, found).finding == Finding::found);
}

TEST_CASE("TLS: what begins so and is not", "[inspect]") {
  CHECK(summary({client(Bytes{22, 3, 1, 0, 5, 2, 0, 0, 1, 0})}) == "- in clear");  // a ServerHello
  CHECK(summary({client(Bytes{23, 3, 3, 0, 1, 0})}) == "- in clear");
  CHECK(summary({client(Bytes{22, 3, 1, 0x50, 0, 1})}) == "- in clear");
  Bytes broken = kHello.records();
  broken[9 + 34] = 99;  // the session's length
  CHECK(summary({client(broken)}) == "tls malformed in clear");
  Bytes alert = kHello.records(40);
  alert[45] = 21;  // the second record's type
  CHECK(summary({client(alert)}) == "tls malformed in clear");
  CHECK(summary({client(Bytes{22, 3, 1, 0, 4, 1, 1, 0, 0})}) == "tls malformed in clear");  // 64 KiB
}

TEST_CASE("what is not encrypted is known for that before it is known for what it is", "[inspect]") {
  const auto encrypted = [](std::vector<Said> said) {
    return told(tcp(std::move(said))).findings().encrypted;
  };
  CHECK(encrypted({client("GET / HTTP/1.1\r\nHost: ")}) == false);
  // It may yet be what starts TLS, or SSH.
  CHECK_FALSE(encrypted({client("E")}));
  CHECK_FALSE(encrypted({client("SSH-2")}));
  CHECK_FALSE(encrypted({server("220 mail"), client("EHLO me\r\n")}));
  CHECK_FALSE(encrypted({server("220 mail")}));
  CHECK_FALSE(encrypted({client(Bytes{22, 3, 1})}));
}

TEST_CASE("an inspection that is given up is what it has shown to be", "[inspect]") {
  FlowInspection inspection = told(tcp({client(Bytes{22, 3, 1})}));
  inspection.give_up();
  CHECK(summary(inspection) == "- in clear");
}

TEST_CASE("HTTP", "[inspect]") {
  CHECK(summary({client("GET / HTTP/1.1\r\nHost: Www.Example.org.\r\n\r\n")}) ==
        "http www.example.org in clear");
  CHECK(summary({client("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")}) == "http malformed in clear");
  CHECK(summary({client("GET / HT")}) == "- ?");
  const FlowInspection tunnel = told(tcp({client("CONNECT far.example:443 HTTP/1.1\r\n")}));
  CHECK(summary(tunnel) == "http far.example in clear");
  CHECK(tunnel.findings().http_connect);
  CHECK(summary({client("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")}) == "http2 in clear");
  CHECK(summary({client("PRI * HTTP/2.0\r\n\r\n")}) == "- ?");
}

TEST_CASE("SSH: either side may speak first", "[inspect]") {
  CHECK(summary({server("SSH-2.0-OpenSSH_9\r\n")}) == "ssh encrypted");
  CHECK(summary({client("SSH-2.0-x\r\n")}) == "ssh encrypted");
  CHECK(summary({client("SSH-1.99-x\r\n")}) == "ssh encrypted");
  CHECK(summary({client("SSH-1.5-x\r\n")}) == "- in clear");
  CHECK(summary({server("SSH-")}) == "- ?");
}

TEST_CASE("STARTTLS: SMTP", "[inspect]") {
  const Said greeting = server("220 mail.example.org\r\n"), ehlo = client("EHLO me\r\n"),
             offer = server("250 STARTTLS\r\n"), start = client("STARTTLS\r\n"), ready = server("220 go\r\n");
  CHECK(summary({greeting, ehlo, offer, start, ready, client(kHello.records())}) ==
        "smtp www.example.org encrypted");
  CHECK(summary({greeting, ehlo, offer, start, ready}) == "- ?");
  CHECK(summary({ehlo, start, client(kHello.records())}) == "smtp www.example.org encrypted");
  CHECK(summary({greeting, ehlo, offer, client("MAIL FROM:<a@b>\r\n")}) == "smtp in clear");
  CHECK(summary({greeting, ehlo, offer, start, server("454 no\r\n"), client("MAIL FROM:<a@b>\r\n")}) ==
        "smtp in clear");
  CHECK(summary({greeting, client("USER me\r\n")}) == "- in clear");  // FTP greets alike
  CHECK(summary({greeting}) == "- ?");
  CHECK(summary({greeting, ehlo, client(std::string(1001, 'x'))}) == "smtp in clear");
}

TEST_CASE("STARTTLS: IMAP and POP3", "[inspect]") {
  CHECK(summary({server("* OK ready\r\n"), client("a1 CAPABILITY\r\n"),
                 server("* CAPABILITY STARTTLS\r\na1 OK\r\n"), client("a2 starttls\r\n"), server("a2 OK\r\n"),
                 client(kHello.records())}) == "imap www.example.org encrypted");
  CHECK(summary({server("* OK ready\r\n"), client("a1 LOGIN me secret\r\n")}) == "imap in clear");
  CHECK(summary({server("* OK ready\r\n"), client("nonsense\r\n")}) == "imap in clear");
  CHECK(summary({server("+OK ready\r\n"), client("STLS\r\n"), server("+OK\r\n"), client(kHello.records())}) ==
        "pop3 www.example.org encrypted");
  CHECK(summary({server("+OK ready\r\n"), client("USER me\r\n")}) == "pop3 in clear");
}

TEST_CASE("STARTTLS: XMPP", "[inspect]") {
  const std::string stream = "<?xml version='1.0'?>\n<stream:stream to='example.org' version='1.0'>";
  const std::string start = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
  CHECK(summary({client(stream), client(start), client(kHello.records())}) ==
        "xmpp www.example.org encrypted");
  CHECK(summary({client(stream), client("<starttls xmlns='x'></starttls>"), client(kHello.records())}) ==
        "xmpp www.example.org encrypted");
  CHECK(summary({client(stream), client("<starttls xmlns='x'>more")}) == "xmpp in clear");
  CHECK(summary({client(stream), client("<auth/>")}) == "xmpp in clear");
  CHECK(summary({client(stream)}) == "- ?");
  CHECK(summary({client("<?xml version='1.0'?><html>")}) == "- in clear");
}

TEST_CASE("STARTTLS: PostgreSQL", "[inspect]") {
  const Bytes ssl = ByteWriter{}.u32(8).u32(80877103).bytes(),
              gss = ByteWriter{}.u32(8).u32(80877104).bytes(),
              startup = ByteWriter{}.u32(20).u32(196608).add(bytes_of("user\0me\0\0\0\0\0")).bytes();
  CHECK(summary({client(ssl), server("S"), client(kHello.records())}) ==
        "postgresql www.example.org encrypted");
  CHECK(summary({client(gss), server("N"), client(ssl), server("S"), client(kHello.records())}) ==
        "postgresql www.example.org encrypted");
  CHECK(summary({client(ssl), server("N"), client(startup)}) == "postgresql in clear");
  CHECK(summary({client(startup)}) == "postgresql in clear");
  CHECK(summary({client(ssl)}) == "- ?");
  CHECK(summary({client(Bytes{0, 0, 0, 9, 1, 2, 3, 4, 5})}) == "- in clear");
}

TEST_CASE("What nobody knows is in clear at its first payload", "[inspect]") {
  CHECK(summary({client("just words\n")}) == "- in clear");
  CHECK(summary({client(Bytes{0xff, 0})}) == "- in clear");
  CHECK(summary({server("5.5.5-MariaDB")}) == "- in clear");
  CHECK(summary(std::vector<Said>{}) == "- ?");
}

TEST_CASE("Inspection ends at its bounds", "[inspect]") {
  InspectionLimits few;
  few.max_packets = 3;
  const Conversation slow = tcp({client("G"), client("E"), client("T"), client(" ")});
  const FlowInspection cut = told(slow, few);
  CHECK(summary(cut) == "- in clear");
  CHECK(cut.packets() == 3);
  InspectionLimits small;
  small.max_bytes = 20;
  CHECK(summary(told(tcp({client("GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n")}), small)) ==
        "- in clear");
}

TEST_CASE("A segment that contradicts what was sent before is not believed", "[inspect]") {
  const Bytes hello = kHello.records();
  Teller teller{tcp({}), {}};
  teller.syn();
  const std::span<const std::uint8_t> all{hello};
  teller.at(true, 0, all.first(50));
  Bytes other(20, 'x');
  teller.at(true, 30, other);
  teller.at(true, 50, all.subspan(50));
  CHECK(summary(teller.inspection()) == "- malformed in clear");
}

TEST_CASE("DNS over TCP", "[inspect]") {
  const Bytes query =
      ByteWriter{}.u16(1).u16(0x100).u16(1).zeros(6).u8(1).u8('a').u8(0).u16(1).u16(1).bytes();
  const Bytes framed = ByteWriter{}.u16(query.size()).add(query).bytes();
  const auto on_port = [](std::uint16_t port, const Bytes& bytes) {
    return summary(told({Protocol::tcp, port, {{true, bytes}}}));
  };
  CHECK(on_port(53, framed) == "dns in clear");
  CHECK(on_port(54, framed) == "- in clear");
  CHECK(on_port(53, Bytes(framed.begin(), framed.end() - 1)) == "- ?");
  CHECK(on_port(53, bytes_of("words and more words")) == "- in clear");
  CHECK(on_port(53, kHello.records()) == "tls www.example.org encrypted");
}

TEST_CASE("Datagrams: WireGuard, DNS, and others", "[inspect]") {
  const auto udp = [](std::uint16_t port, const Bytes& bytes) {
    return summary(told({Protocol::udp, port, {{true, bytes}}}));
  };
  Bytes initiation(148, 7);
  initiation[0] = 1;
  initiation[1] = initiation[2] = initiation[3] = 0;
  CHECK(udp(51820, initiation) == "wireguard encrypted");
  initiation[3] = 1;
  CHECK(udp(51820, initiation) == "- in clear");
  initiation[3] = 0;
  initiation.push_back(0);
  CHECK(udp(51820, initiation) == "- in clear");
  const Bytes query =
      ByteWriter{}.u16(1).u16(0x100).u16(1).zeros(6).u8(1).u8('a').u8(0).u16(1).u16(1).bytes();
  CHECK(udp(53, query) == "dns in clear");
  CHECK(udp(5355, query) == "llmnr in clear");
  CHECK(udp(5353, ByteWriter{}.u16(0).u16(0x8400).zeros(8).bytes()) == "mdns in clear");
  CHECK(udp(54, query) == "- in clear");
  CHECK(udp(53, bytes_of("not DNS at all")) == "- in clear");
  CHECK(summary(told({Protocol::sctp, 1, {{true, {1}}}})) == "- in clear");
}

Bytes dtls_record(const Bytes& body, std::size_t sequence, std::size_t from, std::size_t size) {
  return ByteWriter{}
      .u8(22)
      .u16(0xfefd)
      .zeros(8)
      .u16(12 + size)
      .u8(1)
      .u8(0)
      .u16(body.size())
      .u16(sequence)
      .u8(0)
      .u16(from)
      .u8(0)
      .u16(size)
      .add(std::span{body}.subspan(from, size))
      .bytes();
}

TEST_CASE("DTLS: fragments in any order, several in a datagram, a second ClientHello", "[inspect]") {
  const Bytes body = HelloBuilder{}.server_name("dtls.example.org").body(TlsTransport::datagram);
  for (std::size_t cut = 1; cut < body.size(); ++cut) {
    INFO(cut);
    const Bytes first = dtls_record(body, 0, 0, cut), second = dtls_record(body, 0, cut, body.size() - cut);
    const Bytes again = dtls_record(body, 1, 0, cut);
    const auto udp = [](std::vector<Said> said) {
      return summary(told({Protocol::udp, 4433, std::move(said)}));
    };
    CHECK(udp({{true, second}, {true, first}}) == "dtls dtls.example.org encrypted");
    CHECK(udp({{true, ByteWriter{}.add(first).add(second).bytes()}}) == "dtls dtls.example.org encrypted");
    CHECK(udp({{true, first}, {false, {22, 254}}, {true, again}, {true, second}}) == "- ?");
    CHECK(udp({{true, first}, {true, bytes_of("words")}}) == "dtls malformed in clear");
  }
}

TEST_CASE("Words of findings", "[inspect]") {
  for (std::uint8_t i = 0; i < static_cast<std::uint8_t>(Spoken::count_); ++i) {
    CHECK_FALSE(to_string(Spoken{i}).empty());
    CHECK(parse_spoken(to_string(Spoken{i})) == Spoken{i});
  }
  CHECK_FALSE(parse_spoken("gopher"));
}

}  // namespace
}  // namespace tollgate::test
