// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/quic.hpp"

#include "catch.hpp"
#include "packet_builder.hpp"

namespace tollgate::test {
namespace {

Bytes long_header(std::size_t first, std::size_t version, const Bytes& destination = {1, 2, 3},
                  const Bytes& source = {4}) {
  return ByteWriter{}
      .u8(first)
      .u32(version)
      .u8(destination.size())
      .add(destination)
      .u8(source.size())
      .add(source)
      .bytes();
}

Bytes initial(const Bytes& payload, std::size_t first = 0xc0, std::size_t version = 1) {
  return ByteWriter{}
      .add(long_header(first, version))
      .u8(2)
      .u16(0xabcd)
      .u16(0x4000 | payload.size())
      .add(payload)
      .bytes();
}

TEST_CASE("QUIC: variable-length integers (RFC 9000 §A.1)", "[quic]") {
  const auto read = [](const Bytes& bytes) {
    Reader in{bytes};
    std::uint64_t value = 0;
    REQUIRE(read_quic_integer(in, value));
    CHECK(in.empty());
    return value;
  };
  CHECK(read({0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c}) == 151'288'809'941'952'652);
  CHECK(read({0x9d, 0x7f, 0x3e, 0x7d}) == 494'878'333);
  CHECK(read({0x7b, 0xbd}) == 15'293);
  CHECK(read({0x25}) == 37);
  CHECK(read({0x40, 0x25}) == 37);
  const Bytes cut{0xc2, 0x19};
  Reader in{cut};
  std::uint64_t value = 7;
  CHECK_FALSE(read_quic_integer(in, value));
  CHECK(value == 7);
  CHECK(in.remaining() == 2);
}

TEST_CASE("QUIC: versions that can be read", "[quic]") {
  CHECK(quic_version(1) == QuicVersion::v1);
  CHECK(quic_version(0x6b3343cf) == QuicVersion::v2);
  CHECK_FALSE(quic_version(0xff00001c));
  CHECK(quic_version(0xff00001d) == QuicVersion::draft29);
  CHECK(quic_version(0xff000020) == QuicVersion::draft29);
  CHECK(quic_version(0xff000021) == QuicVersion::draft33);
  CHECK(quic_version(0xff000022) == QuicVersion::draft33);
  CHECK_FALSE(quic_version(0xff000023));
}

TEST_CASE("QUIC: an Initial, and another packet behind it", "[quic]") {
  const Bytes payload(30, 7);
  const Bytes datagram = ByteWriter{}.add(initial(payload)).add(initial(Bytes(5, 8))).bytes();
  Reader in{datagram};
  const auto first = parse_quic_packet(in);
  REQUIRE(first);
  CHECK(first->kind == QuicKind::initial);
  CHECK(first->version == QuicVersion::v1);
  CHECK(first->destination == *QuicId::of(Bytes{1, 2, 3}));
  CHECK(first->source == *QuicId::of(Bytes{4}));
  CHECK(first->payload.size() == 30);
  CHECK(first->header.size() == initial({}).size());
  const auto second = parse_quic_packet(in);
  REQUIRE(second);
  CHECK(second->payload.size() == 5);
  CHECK(in.empty());
}

TEST_CASE("QUIC: kinds, which version 2 numbers otherwise", "[quic]") {
  const auto kind = [](std::size_t first, std::size_t version) {
    const Bytes bytes = ByteWriter{}.add(initial(Bytes(40, 0), first, version)).bytes();
    Reader in{bytes};
    const auto packet = parse_quic_packet(in);
    REQUIRE(packet);
    return packet->kind;
  };
  CHECK(kind(0xc0, 1) == QuicKind::initial);
  CHECK(kind(0xf0, 1) == QuicKind::retry);
  CHECK(kind(0xd0, 0x6b3343cf) == QuicKind::initial);
  CHECK(kind(0xc0, 0x6b3343cf) == QuicKind::retry);
  CHECK(kind(0xc0, 0) == QuicKind::version_negotiation);
  CHECK(kind(0x80, 0) == QuicKind::version_negotiation);
  CHECK(kind(0xc0, 0x12345678) == QuicKind::unknown_version);
}

TEST_CASE("QUIC: what is no long header, and what is cut", "[quic]") {
  const auto error = [](const Bytes& bytes) {
    Reader in{bytes};
    const auto packet = parse_quic_packet(in);
    return packet ? -1 : static_cast<int>(packet.error());
  };
  CHECK(error({0x40, 1, 2, 3}) == static_cast<int>(QuicError::not_long));
  CHECK(error(long_header(0x80, 1)) == static_cast<int>(QuicError::not_long));
  CHECK(error(long_header(0xc0, 1, Bytes(21))) == static_cast<int>(QuicError::bad_length));
  const Bytes whole = initial(Bytes(20));
  CHECK(error(whole) == -1);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    INFO(size);
    CHECK(error(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))) != -1);
  }
}

TEST_CASE("QUIC: CRYPTO frames among others", "[quic]") {
  const Bytes frames = ByteWriter{}
                           .zeros(3)
                           .u8(1)
                           .add(Bytes{2, 9, 0, 1, 0, 3, 4})         // ACK with a range
                           .add(Bytes{3, 9, 0, 0, 0, 1, 2, 3})      // ACK with ECN counts
                           .add(Bytes{6, 0x41, 0x00, 2, 'a', 'b'})  // CRYPTO at 256
                           .add(Bytes{0x1c, 1, 6, 2, 'x', 'y'})     // CONNECTION_CLOSE
                           .add(Bytes{6, 0, 1, 'c'})
                           .bytes();
  Reader in{frames};
  const auto first = next_quic_crypto(in);
  REQUIRE((first && *first));
  CHECK((*first)->offset == 256);
  CHECK((*first)->bytes.size() == 2);
  const auto second = next_quic_crypto(in);
  REQUIRE((second && *second));
  CHECK((*second)->offset == 0);
  const auto end = next_quic_crypto(in);
  REQUIRE(end);
  CHECK_FALSE(*end);
}

TEST_CASE("QUIC: frames that an Initial may not have", "[quic]") {
  const auto is_bad = [](const Bytes& frames) {
    Reader in{frames};
    return !next_quic_crypto(in);
  };
  CHECK(is_bad({8, 0, 0}));       // STREAM
  CHECK(is_bad({0x1d, 0, 0}));    // CONNECTION_CLOSE of the application
  CHECK(is_bad({6, 0, 5, 'a'}));  // longer than the packet
  CHECK(is_bad({6}));
  CHECK(is_bad({2, 0, 0, 0xff, 0, 0}));                 // ACK, cut
  CHECK(is_bad({2, 0, 0, 0xbf, 0xff, 0xff, 0xff, 0}));  // ranges that are not there
  CHECK(is_bad({0x1c, 0, 0, 9, 'x'}));
}

}  // namespace
}  // namespace tollgate::test
