// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/tls.hpp"

#include <string>

#include "catch.hpp"
#include "client_hello.hpp"

namespace tollgate::test {
namespace {

std::string error_of(const Bytes& body, TlsTransport transport = TlsTransport::stream) {
  const auto hello = parse_client_hello(body, transport);
  return hello ? "" : std::string{to_string(hello.error())};
}

TEST_CASE("ClientHello: name, protocols, ECH", "[tls]") {
  const Bytes body = HelloBuilder{}
                         .server_name("www.Example.org")
                         .alpn({"h2", "\x2a\x2a", "http/1.1"})
                         .extension(0xfe0d, {0})
                         .extension(0xbaba, {1, 2, 3})
                         .body();
  const auto hello = parse_client_hello(body);
  REQUIRE(hello);
  CHECK(hello->server_name == "www.Example.org");
  CHECK(hello->encrypted_client_hello);
  Reader names = hello->alpn;
  std::string_view name;
  CHECK((next_alpn(names, name) && name == "h2"));
  CHECK((next_alpn(names, name) && name == "http/1.1"));
  CHECK_FALSE(next_alpn(names, name));
}

TEST_CASE("ClientHello: without extensions", "[tls]") {
  Bytes body = HelloBuilder{}.body();
  body.erase(body.end() - 2, body.end());
  const auto hello = parse_client_hello(body);
  REQUIRE(hello);
  CHECK(hello->server_name.empty());
  CHECK(hello->alpn.empty());
}

TEST_CASE("ClientHello: of DTLS", "[tls]") {
  const Bytes body = HelloBuilder{}.server_name("dtls.example.org").body(TlsTransport::datagram);
  CHECK(parse_client_hello(body, TlsTransport::datagram)->server_name == "dtls.example.org");
  CHECK(error_of(body) == "bad_version");
  CHECK(error_of(HelloBuilder{}.body(), TlsTransport::datagram) == "bad_version");
}

TEST_CASE("ClientHello: every shorter one is an error, and so is a longer one", "[tls]") {
  const Bytes body = HelloBuilder{}.server_name("a.example").alpn({"h2"}).body();
  for (std::size_t size = 0; size < body.size(); ++size) {
    INFO(size);
    const std::size_t without_extensions = HelloBuilder{}.body().size() - 2;
    CHECK((error_of(Bytes(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size))) == "bad_length") ==
          (size != without_extensions));
  }
  Bytes longer = body;
  longer.push_back(0);
  CHECK(error_of(longer) == "bad_length");
}

TEST_CASE("ClientHello: names that are none", "[tls]") {
  for (const char* name : {"", ".example.org", "a..b", "a b", "a/b", "m\xc3\xbcnchen.example", "a\nb"}) {
    INFO(name);
    CHECK(error_of(HelloBuilder{}.server_name(name).body()) == "bad_server_name");
  }
  CHECK(error_of(HelloBuilder{}.server_name(std::string(254, 'a')).body()) == "bad_server_name");
  CHECK(error_of(HelloBuilder{}.server_name("_a-1.example.org.").body()).empty());
  // Two names, and two extensions: two servers could choose differently.
  const Bytes two = ByteWriter{}.u16(8).u8(0).u16(1).u8('a').u8(0).u16(1).u8('b').bytes();
  CHECK(error_of(HelloBuilder{}.extension(0, two).body()) == "bad_server_name");
  CHECK(error_of(HelloBuilder{}.server_name("a").server_name("a").body()) == "duplicate");
  CHECK(error_of(HelloBuilder{}.alpn({"a"}).alpn({"a"}).body()) == "duplicate");
  CHECK(error_of(HelloBuilder{}.alpn({""}).body()) == "bad_length");
  // A kind of name that nobody defined is passed over.
  const Bytes other = ByteWriter{}.u16(8).u8(9).u16(1).u8('a').u8(0).u16(1).u8('b').bytes();
  CHECK(parse_client_hello(HelloBuilder{}.extension(0, other).body())->server_name == "b");
}

TEST_CASE("TLS records: type, version, length", "[tls]") {
  const auto error = [](const Bytes& bytes) {
    Reader in{bytes};
    const auto record = parse_tls_record(in);
    return record ? "" : std::string{to_string(record.error())};
  };
  CHECK(error({22, 3, 1, 0x40, 0}) == "");
  CHECK(error({22, 3, 1, 0x40, 1}) == "bad_length");
  CHECK(error({22, 3, 1, 0, 0}) == "bad_length");
  CHECK(error({22, 2, 0, 0, 1}) == "bad_version");
  CHECK(error({22, 3, 1, 0}) == "bad_length");
}

TEST_CASE("DTLS records with a handshake fragment", "[tls]") {
  const Bytes record = ByteWriter{}
                           .u8(22)
                           .u16(0xfefd)
                           .u16(0)
                           .zeros(6)
                           .u16(12 + 3)
                           .u8(1)
                           .u8(0)
                           .u16(100)
                           .u16(1)
                           .u8(0)
                           .u16(40)
                           .u8(0)
                           .u16(3)
                           .add(Bytes{7, 8, 9})
                           .bytes();
  Reader in{record};
  const auto fragment = parse_dtls_handshake(in);
  REQUIRE(fragment);
  CHECK(in.empty());
  CHECK(fragment->message_type == 1);
  CHECK(fragment->message_length == 100);
  CHECK(fragment->message_sequence == 1);
  CHECK(fragment->offset == 40);
  CHECK(fragment->bytes.size() == 3);
  const auto changed = [&](std::size_t at, std::uint8_t value) {
    Bytes bytes = record;
    bytes[at] = value;
    Reader other{bytes};
    const auto said = parse_dtls_handshake(other);
    return said ? "" : std::string{to_string(said.error())};
  };
  CHECK(changed(0, 23) == "bad_version");
  CHECK(changed(1, 3) == "bad_version");
  CHECK(changed(4, 1) == "bad_version");   // epoch 1: encrypted
  CHECK(changed(12, 16) == "bad_length");  // past the datagram
  CHECK(changed(16, 42) == "bad_length");  // ends past its message
  CHECK(changed(24, 4) == "bad_length");   // more than is there
}

}  // namespace
}  // namespace tollgate::test
