// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/inspect/quic_inspector.hpp"

#include <openssl/evp.h>

#include <string>

#include "catch.hpp"
#include "client_hello.hpp"
#include "inspect/quic_protection.hpp"

namespace tollgate::test {
namespace {

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 0xf];
  }
  return text;
}

Bytes cipher(const EVP_CIPHER* kind, std::span<const std::uint8_t> key, std::span<const std::uint8_t> iv,
             std::span<const std::uint8_t> header, std::span<const std::uint8_t> text) {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  Bytes out(text.size() + 16);
  int length = 0;
  EVP_EncryptInit_ex(context, kind, nullptr, key.data(), iv.data());
  EVP_CIPHER_CTX_set_padding(context, 0);
  if (!header.empty())
    EVP_EncryptUpdate(context, nullptr, &length, header.data(), static_cast<int>(header.size()));
  EVP_EncryptUpdate(context, out.data(), &length, text.data(), static_cast<int>(text.size()));
  if (!header.empty()) {
    int more = 0;
    EVP_EncryptFinal_ex(context, out.data() + length, &more);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, out.data() + text.size());
  } else {
    out.resize(text.size());
  }
  EVP_CIPHER_CTX_free(context);
  return out;
}

// A client's Initial packets.
struct Sender {
  std::size_t version = 1;
  QuicVersion kind = QuicVersion::v1;
  Bytes keys_from{0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
  Bytes destination = keys_from;

  Bytes packet(const Bytes& frames, std::size_t number = 0) const {
    QuicKeys keys;
    REQUIRE(client_initial_keys(kind, keys_from, keys));
    Bytes padded = frames;
    padded.resize(std::max<std::size_t>(padded.size(), 40));
    const std::size_t first = kind == QuicVersion::v2 ? 0xd1 : 0xc1;
    Bytes header = ByteWriter{}
                       .u8(first)
                       .u32(version)
                       .u8(destination.size())
                       .add(destination)
                       .u8(0)
                       .u8(0)
                       .u16(0x4000 | (2 + padded.size() + 16))
                       .u16(number)
                       .bytes();
    std::array<std::uint8_t, 12> nonce = keys.iv;
    nonce[11] = static_cast<std::uint8_t>(nonce[11] ^ (number & 0xff));
    nonce[10] = static_cast<std::uint8_t>(nonce[10] ^ (number >> 8));
    const Bytes sealed = cipher(EVP_aes_128_gcm(), keys.key, nonce, header, padded);
    const Bytes mask = cipher(EVP_aes_128_ecb(), keys.header, {}, {}, std::span{sealed}.subspan(2, 16));
    header[0] = static_cast<std::uint8_t>(header[0] ^ (mask[0] & 0x0f));
    for (std::size_t i = 0; i < 2; ++i) {
      std::uint8_t& byte = header[header.size() - 2 + i];
      byte = static_cast<std::uint8_t>(byte ^ mask[1 + i]);
    }
    return ByteWriter{}.add(header).add(sealed).bytes();
  }
};

Bytes crypto(const Bytes& message, std::size_t from, std::size_t size) {
  return ByteWriter{}
      .u8(6)
      .u16(0x4000 | from)
      .u16(0x4000 | size)
      .add(std::span{message}.subspan(from, size))
      .bytes();
}

const Bytes kHello = HelloBuilder{}.server_name("quic.example.org").alpn({"h3"}).message();

std::string told(const std::vector<Bytes>& datagrams) {
  QuicInspector inspector;
  Findings found;
  std::string said;
  for (const Bytes& datagram : datagrams) {
    said = std::string{to_string(inspector.on_client(datagram, found))};
  }
  return said + " " + found.sni + (found.encrypted == true ? " encrypted" : "");
}

TEST_CASE("QUIC: keys as RFC 9001 §A.1 and RFC 9369 §A.1 have them", "[quic]") {
  const Bytes id{0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
  QuicKeys keys;
  REQUIRE(client_initial_keys(QuicVersion::v1, id, keys));
  CHECK(hex(keys.key) == "1f369613dd76d5467730efcbe3b1a22d");
  CHECK(hex(keys.iv) == "fa044b2f42a3fd3b46fb255c");
  CHECK(hex(keys.header) == "9f50449e04a0e810283a1e9933adedd2");
  REQUIRE(client_initial_keys(QuicVersion::v2, id, keys));
  CHECK(hex(keys.key) == "8b1a0bc121284290a29e0971b5cd045d");
  CHECK(hex(keys.iv) == "91f73e2351d8fa91660e909f");
  CHECK(hex(keys.header) == "45b95e15235d6f45a6b19cbcb0294ba9");
}

TEST_CASE("QUIC: one Initial, of every version", "[quic]") {
  for (const Sender& sender :
       {Sender{}, Sender{0x6b3343cf, QuicVersion::v2}, Sender{0xff00001d, QuicVersion::draft29},
        Sender{0xff000022, QuicVersion::draft33}}) {
    INFO(sender.version);
    CHECK(told({sender.packet(crypto(kHello, 0, kHello.size()))}) == "found quic.example.org encrypted");
  }
}

TEST_CASE("QUIC: the ClientHello cut anywhere, in any order", "[quic]") {
  const Sender sender;
  for (std::size_t cut = 1; cut < kHello.size(); ++cut) {
    INFO(cut);
    const Bytes head = crypto(kHello, 0, cut), tail = crypto(kHello, cut, kHello.size() - cut);
    const Bytes both = ByteWriter{}.add(tail).u8(1).add(head).bytes();
    CHECK(told({sender.packet(both)}) == "found quic.example.org encrypted");
    const Bytes first = sender.packet(head, 0), second = sender.packet(tail, 300);
    CHECK(told({second, first}) == "found quic.example.org encrypted");
    CHECK(told({first, first}) == "need_more  encrypted");
    CHECK(told({ByteWriter{}.add(second).add(first).bytes()}) == "found quic.example.org encrypted");
  }
}

TEST_CASE("QUIC: the client goes on under the id that the server chose", "[quic]") {
  Sender sender;
  const Bytes first = sender.packet(crypto(kHello, 0, 20));
  sender.destination = {9, 9, 9};
  CHECK(told({first, sender.packet(crypto(kHello, 20, kHello.size() - 20), 1)}) ==
        "found quic.example.org encrypted");
}

TEST_CASE("QUIC: a Retry changes the keys, not the ClientHello", "[quic]") {
  Sender sender;
  const Bytes first = sender.packet(crypto(kHello, 0, 20));
  sender.destination = sender.keys_from = {9, 9, 9};
  CHECK(told({first, sender.packet(crypto(kHello, 20, kHello.size() - 20), 1)}) ==
        "found quic.example.org encrypted");
}

TEST_CASE("QUIC: Version Negotiation begins anew", "[quic]") {
  Sender reserved;
  reserved.version = 0x1a2a3a4a;
  Sender draft{0xff00001d, QuicVersion::draft29};
  const Bytes other = HelloBuilder{}.server_name("never.example.org").message();
  CHECK(told({reserved.packet(crypto(kHello, 0, kHello.size()))}) == "need_more ");
  CHECK(told({reserved.packet({}), Sender{}.packet(crypto(kHello, 0, kHello.size()))}) ==
        "found quic.example.org encrypted");
  CHECK(told({draft.packet(crypto(other, 0, 60)), Sender{}.packet(crypto(kHello, 0, kHello.size()))}) ==
        "found quic.example.org encrypted");
}

TEST_CASE("QUIC: what only looks like it", "[quic]") {
  Bytes forged = Sender{}.packet(crypto(kHello, 0, kHello.size()));
  forged.back() = static_cast<std::uint8_t>(forged.back() ^ 1);
  CHECK(told({forged}) == "need_more ");
  CHECK(told(std::vector<Bytes>(QuicInspector::kMaxFailures, forged)) == "not_this ");
  Sender unknown;
  unknown.version = 0x12345678;
  CHECK(told({unknown.packet({})}) == "not_this ");
  CHECK(told({Bytes{0x40, 1, 2, 3}}) == "not_this ");
}

TEST_CASE("QUIC: what breaks its rules", "[quic]") {
  const Sender sender;
  CHECK(told({sender.packet({8, 0, 0})}) == "malformed  encrypted");  // STREAM
  CHECK(told({sender.packet(crypto(Bytes{2, 0, 0, 1, 0}, 0, 5))}) == "malformed  encrypted");
  Bytes changed = kHello;
  changed[30] = static_cast<std::uint8_t>(changed[30] ^ 1);
  CHECK(told({sender.packet(crypto(kHello, 0, 40)), sender.packet(crypto(changed, 20, 40), 1)}) ==
        "malformed  encrypted");
}

}  // namespace
}  // namespace tollgate::test
