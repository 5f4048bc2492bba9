// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/ipv4.hpp"

#include "packet_test_support.hpp"

namespace tollgate::test {
namespace {

PacketBuilder v4() { return PacketBuilder{"192.0.2.1", "198.51.100.2"}; }

TEST_CASE("IPv4: a TCP SYN") {
  const Bytes bytes = v4().tcp(4711, 443, tcp_flag::syn, 0x01020304).hop_limit(61).build();
  const OwnedPacket packet = parsed(bytes);
  CHECK(packet.endpoints.source.to_string() == "192.0.2.1");
  CHECK(packet.endpoints.destination.to_string() == "198.51.100.2");
  CHECK(packet.endpoints.protocol == Protocol::tcp);
  CHECK(packet.endpoints.source_port == 4711);
  CHECK(packet.endpoints.destination_port == 443);
  CHECK(packet.tcp_flags == tcp_flag::syn);
  CHECK(packet.tcp_sequence == 0x01020304);
  CHECK(packet.hop_limit == 61);
  CHECK(packet.length == 40);
  CHECK(packet.fragment == Fragment::none);
  CHECK_FALSE(packet.icmp_error);
  CHECK_FALSE(packet.has_inner);
  CHECK(packet.payload.empty());
}

TEST_CASE("IPv4: options of every length are passed over") {
  for (std::size_t words = 0; words <= 10; ++words) {
    const OwnedPacket packet = parsed(v4().ip_options(Bytes(words * 4, 1)).udp(1, 2).payload("data").build());
    CHECK(packet.endpoints.destination_port == 2);
    CHECK(text_of(packet.payload) == "data");
    CHECK(packet.length == 20 + words * 4 + 8 + 4);
  }
}

TEST_CASE("IPv4: nothing, and what is not IP") {
  CHECK(error_of({}) == "empty");
  for (unsigned version = 0; version < 16; ++version) {
    Bytes bytes = v4().tcp(1, 2).build();
    bytes[0] = static_cast<std::uint8_t>(version << 4 | 5);
    if (version == 4) {
      CHECK(error_of(bytes) == "");
    } else if (version != 6) {
      CHECK(error_of(bytes) == "bad_version");
    }
  }
}

TEST_CASE("IPv4: a packet that ends early is truncated, a cut one is beyond the copy range") {
  const Bytes bytes = v4().ip_options(Bytes(8, 1)).tcp(1, 2).tcp_options(Bytes(8, 1)).build();
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(error_of(head(bytes, size)) == "truncated");
    // The cut hurts only what names the flow: TCP's options may be missing.
    CHECK(error_of(head(bytes, size), bytes.size()) == (size < 48 ? "beyond_copy_range" : ""));
  }
  CHECK(error_of({}, 40) == "beyond_copy_range");
}

TEST_CASE("IPv4: a cut packet whose headers were too short anyway is truncated") {
  const Bytes bytes = v4().tcp(1, 2).ip_length(30).build();  // ends within TCP
  CHECK(error_of(head(bytes, 25), 40) == "truncated");
  CHECK(error_of(head(bytes, 10), 15) == "truncated");
}

TEST_CASE("IPv4: header and total length must agree") {
  CHECK(error_of(v4().tcp(1, 2).ip_header_words(4).build()) == "bad_length");
  CHECK(error_of(v4().tcp(1, 2).ip_header_words(0).build()) == "bad_length");
  CHECK(error_of(v4().tcp(1, 2).ip_length(19).build()) == "bad_length");
  CHECK(error_of(v4().tcp(1, 2).ip_options(Bytes(4, 1)).ip_length(23).build()) == "bad_length");
  CHECK(error_of(v4().tcp(1, 2).ip_length(41).build()) == "bad_length");
  CHECK(error_of(v4().tcp(1, 2).ip_length(0).build()) == "bad_length");
  CHECK(error_of(v4().tcp(1, 2).ip_length(39).build()) == "truncated");
  CHECK(error_of(v4().protocol(89).ip_header_words(15).ip_length(60).build()) == "truncated");
  CHECK(error_of(v4().protocol(89).ip_length(20).build()) == "");
}

TEST_CASE("IPv4: Ethernet padding is no payload") {
  Bytes bytes = v4().udp(1, 2).payload("abc").build();
  bytes.resize(46, 0xee);
  const OwnedPacket packet = parsed(bytes);
  CHECK(text_of(packet.payload) == "abc");
  CHECK(packet.length == 31);
  CHECK(parsed(v4().tcp(1, 2).build(), 46).length == 40);
}

TEST_CASE("IPv4: as much payload as was copied") {
  const Bytes bytes = v4().tcp(1, 2).payload("0123456789").build();
  const OwnedPacket packet = parsed(Bytes(bytes.begin(), bytes.end() - 6), bytes.size());
  CHECK(text_of(packet.payload) == "0123");
  CHECK(packet.length == 50);
}

TEST_CASE("IPv4: a GSO packet says 0, and its length is what the wire says") {
  const Bytes bytes = v4().tcp(1, 2).payload("head").ip_length(0).build();
  CHECK(parsed(bytes, 65536).length == 65536);
  CHECK(parsed(bytes, 200000).length == 200000);
  CHECK(text_of(parsed(bytes, 200000).payload) == "head");
  CHECK(error_of(bytes, 65535) == "bad_length");
  // A length that is there is believed, however much stands behind it.
  CHECK(parsed(v4().tcp(1, 2).payload("head").build(), 200000).length == 44);
}

TEST_CASE("IPv4: fragments") {
  const OwnedPacket first = parsed(v4().udp(7, 8).payload(Bytes(16, 'x')).fragment(0, true).build());
  CHECK(first.fragment == Fragment::first);
  CHECK(first.endpoints.destination_port == 8);
  CHECK(first.payload.size() == 16);

  const OwnedPacket later = parsed(v4().udp(7, 8).payload(Bytes(16, 'x')).fragment(24, true).build());
  CHECK(later.fragment == Fragment::later);
  CHECK(later.endpoints.protocol == Protocol::udp);
  CHECK(later.endpoints.source_port == 0);
  CHECK(later.endpoints.destination_port == 0);
  CHECK(later.payload.size() == 16);

  const OwnedPacket last = parsed(v4().tcp(7, 8).payload(Bytes(5, 'x')).fragment(24, false).build());
  CHECK(last.fragment == Fragment::later);
  CHECK(last.tcp_flags == 0);
  CHECK(last.payload.size() == 5);
}

TEST_CASE("IPv4: the don't-fragment bit makes no fragment") {
  Bytes bytes = v4().tcp(1, 2).build();
  bytes[6] = 0x40;
  CHECK(parsed(bytes).fragment == Fragment::none);
}

TEST_CASE("IPv4: fragments that no sender makes") {
  // A piece in the middle whose length is no multiple of 8.
  CHECK(error_of(v4().udp(1, 2).payload(Bytes(9, 'x')).fragment(0, true).build()) == "bad_fragment");
  // One that ends past the longest datagram, header included.
  CHECK(error_of(v4().udp(1, 2).payload(Bytes(16, 'x')).fragment(65528, false).build()) == "bad_fragment");
  CHECK(error_of(v4().udp(1, 2).payload(Bytes(3, 'x')).fragment(65512, false).build()) == "");
  CHECK(error_of(v4().udp(1, 2).payload(Bytes(4, 'x')).fragment(65512, false).build()) == "bad_fragment");
  // A first fragment without all of its upper-layer header.
  Bytes tiny = v4().tcp(1, 2).ip_length(28).fragment(0, true).build();
  tiny.resize(28);
  CHECK(error_of(tiny) == "truncated");
}

TEST_CASE("IPv4: fragments must not overlap the header that was decided about") {
  const auto [protocol, offset, error] = GENERATE(table<int, int, std::string>({
      {6, 8, "bad_fragment"},
      {6, 16, "bad_fragment"},
      {6, 24, ""},
      {17, 8, ""},
      {136, 8, ""},
      {132, 8, "bad_fragment"},
      {132, 16, ""},
      {33, 8, "bad_fragment"},
      {33, 16, ""},
      {1, 8, ""},
      {58, 8, ""},
      {2, 8, ""},
      {47, 8, ""},
      {50, 8, ""},
      {51, 8, ""},
      {89, 8, ""},
  }));
  CAPTURE(protocol, offset);
  const Bytes bytes = v4().protocol(static_cast<std::uint8_t>(protocol))
                          .payload(Bytes(8, 'x'))
                          .fragment(static_cast<std::uint16_t>(offset), false)
                          .build();
  CHECK(error_of(bytes) == error);
}

TEST_CASE("IPv4: checksums are nobody's business here") {
  Bytes bytes = v4().tcp(1, 2).build();
  bytes[10] ^= 0xff;
  bytes[36] ^= 0xff;
  CHECK(error_of(bytes) == "");
}

}  // namespace
}  // namespace tollgate::test
