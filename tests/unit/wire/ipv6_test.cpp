// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/ipv6.hpp"

#include "packet_test_support.hpp"

namespace tollgate::test {
namespace {

constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAh = 51, kNoNext = 59, kOptions = 60,
                       kMobility = 135, kHip = 139, kShim6 = 140;

PacketBuilder v6() { return PacketBuilder{"2001:db8::1", "2001:db8:ffff::2"}; }

// PadN over the six bytes that the smallest options header has.
Bytes padding() { return {1, 4, 0, 0, 0, 0}; }
Bytes jumbo_option(std::uint32_t length) { return ByteWriter{}.u16(0xc204).u32(length).bytes(); }

TEST_CASE("IPv6: a TCP SYN") {
  const OwnedPacket packet = parsed(v6().tcp(4711, 443).hop_limit(33).build());
  CHECK(packet.endpoints.source.to_string() == "2001:db8::1");
  CHECK(packet.endpoints.destination.to_string() == "2001:db8:ffff::2");
  CHECK(packet.endpoints.source_port == 4711);
  CHECK(packet.endpoints.destination_port == 443);
  CHECK(packet.hop_limit == 33);
  CHECK(packet.length == 60);
  CHECK(packet.fragment == Fragment::none);
}

TEST_CASE("IPv6: each extension header is passed over") {
  const std::uint8_t number = GENERATE(kHopByHop, kRouting, kAh, kOptions, kMobility, kHip, kShim6);
  const std::size_t body = GENERATE(0U, 10U, 22U, 200U);
  CAPTURE(int{number}, body);
  const Bytes contents(number == kAh && body == 0 ? 10 : body, 0);
  const OwnedPacket packet = parsed(v6().extension(number, contents).udp(5, 6).payload("data").build());
  CHECK(packet.endpoints.protocol == Protocol::udp);
  CHECK(packet.endpoints.destination_port == 6);
  CHECK(text_of(packet.payload) == "data");
}

TEST_CASE("IPv6: all of them in one chain") {
  const OwnedPacket packet = parsed(v6().extension(kHopByHop, padding())
                                        .extension(kOptions, padding())
                                        .extension(kRouting, Bytes(6, 0))
                                        .fragment(0, false)
                                        .extension(kAh, Bytes(22, 0))
                                        .extension(kMobility, Bytes(6, 0))
                                        .extension(kHip, Bytes(38, 0))
                                        .extension(kShim6, Bytes(6, 0))
                                        .extension(kOptions, padding())
                                        .tcp(1, 2, tcp_flag::ack)
                                        .payload("data")
                                        .build());
  CHECK(packet.endpoints.protocol == Protocol::tcp);
  CHECK(packet.endpoints.destination_port == 2);
  CHECK(packet.fragment == Fragment::none);  // an atomic fragment
  CHECK(text_of(packet.payload) == "data");
}

TEST_CASE("IPv6: the chain has a bound") {
  PacketBuilder longest = v6();
  for (unsigned i = 0; i < kMaxExtensionHeaders; ++i) longest.extension(kOptions, padding());
  CHECK(error_of(longest.tcp(1, 2).build()) == "");
  CHECK(error_of(longest.extension(kOptions, padding()).tcp(1, 2).build()) == "extension_chain");
}

TEST_CASE("IPv6: hop-by-hop options come first or not at all") {
  CHECK(error_of(v6().extension(kOptions, padding()).extension(kHopByHop, padding()).tcp(1, 2).build()) ==
        "extension_chain");
  CHECK(error_of(v6().extension(kHopByHop, padding()).extension(kHopByHop, padding()).tcp(1, 2).build()) ==
        "extension_chain");
}

TEST_CASE("IPv6: no next header ends the chain") {
  CHECK(parsed(v6().protocol(kNoNext).build()).endpoints.protocol == Protocol{kNoNext});
  const OwnedPacket packet =
      parsed(v6().extension(kOptions, padding()).protocol(kNoNext).payload("junk").build());
  CHECK(packet.endpoints.protocol == Protocol{kNoNext});
  CHECK(packet.endpoints.source_port == 0);
}

TEST_CASE("IPv6: mobility, HIP and shim6 messages with nothing behind them are the protocol") {
  const std::uint8_t number = GENERATE(kMobility, kHip, kShim6);
  const OwnedPacket packet = parsed(v6().extension(number, Bytes(14, 0)).protocol(kNoNext).build());
  CHECK(packet.endpoints.protocol == Protocol{number});
  CHECK(packet.payload.empty());
}

TEST_CASE("IPv6: ESP ends the chain") {
  const OwnedPacket packet =
      parsed(v6().extension(kHopByHop, padding()).protocol(Protocol::esp).payload("spi…").build());
  CHECK(packet.endpoints.protocol == Protocol::esp);
  CHECK(text_of(packet.payload) == "spi…");
}

TEST_CASE("IPv6: an AH shorter than its fixed part") {
  CHECK(error_of(v6().raw_extension(kAh, Bytes(8, 0)).tcp(1, 2).build()) == "bad_length");
}

TEST_CASE("IPv6: a packet that ends early is truncated, a cut one is beyond the copy range") {
  const Bytes bytes = v6().extension(kHopByHop, Bytes(14, 0))
                          .extension(kAh, Bytes(14, 0))
                          .fragment(0, false)
                          .extension(kRouting, Bytes(14, 0))
                          .udp(1, 2)
                          .payload("data")
                          .build();
  const std::size_t needed = bytes.size() - 4;
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(error_of(head(bytes, size)) == (size < needed ? "truncated" : "bad_length"));
    CHECK(error_of(head(bytes, size), bytes.size()) == (size < needed ? "beyond_copy_range" : ""));
  }
}

TEST_CASE("IPv6: headers that overrun the payload length are truncated, however much is there") {
  const std::uint8_t number = GENERATE(kHopByHop, kRouting, kFragment, kAh, kOptions, kMobility);
  for (const std::uint16_t length : Bytes{1, 7}) {
    CHECK(
        error_of(v6().raw_extension(number, {0, 1, 0, 0, 0, 0, 0, 0}).tcp(1, 2).ip_length(length).build()) ==
        "truncated");
  }
  CHECK(error_of(v6().tcp(1, 2).ip_length(0).build()) == "truncated");
}

TEST_CASE("IPv6: a payload length past the packet, and padding behind it") {
  CHECK(error_of(v6().tcp(1, 2).ip_length(21).build()) == "bad_length");
  Bytes padded = v6().udp(1, 2).payload("ab").build();
  padded.resize(padded.size() + 10, 0xee);
  CHECK(text_of(parsed(padded).payload) == "ab");
  Bytes nothing = v6().protocol(kNoNext).build();
  nothing.resize(46, 0);
  CHECK(parsed(nothing).payload.empty());
}

TEST_CASE("IPv6: fragments") {
  const OwnedPacket first =
      parsed(v6().fragment(0, true).extension(kOptions, padding()).udp(7, 8).payload(Bytes(8, 'x')).build());
  CHECK(first.fragment == Fragment::first);
  CHECK(first.endpoints.destination_port == 8);

  const OwnedPacket later = parsed(v6().fragment(24, true).udp(7, 8).payload(Bytes(16, 'x')).build());
  CHECK(later.fragment == Fragment::later);
  CHECK(later.endpoints.protocol == Protocol::udp);
  CHECK(later.endpoints.destination_port == 0);
  CHECK(later.payload.size() == 16);

  CHECK(parsed(v6().fragment(24, false).udp(7, 8).payload(Bytes(5, 'x')).build()).payload.size() == 5);
}

TEST_CASE("IPv6: a later fragment's chain ends with its fragment header") {
  const Bytes bytes = v6().fragment(1000, false).protocol(kOptions).payload(Bytes(3, 0xff)).build();
  const OwnedPacket packet = parsed(bytes);
  CHECK(packet.fragment == Fragment::later);
  CHECK(packet.endpoints.protocol == Protocol{kOptions});
  CHECK(packet.payload.size() == 3);
}

TEST_CASE("IPv6: fragments that no sender makes") {
  const Bytes nine(9, 'x'), eight(8, 'x');
  CHECK(error_of(v6().fragment(0, true).udp(1, 2).payload(nine).build()) == "bad_fragment");
  CHECK(error_of(v6().fragment(65528, false).udp(1, 2).payload(eight).build()) == "bad_fragment");
  CHECK(error_of(v6().fragment(65528, false).udp(1, 2).payload(Bytes(7, 'x')).build()) == "");
  CHECK(error_of(v6().fragment(8, false).tcp(1, 2).payload(eight).build()) == "bad_fragment");
  CHECK(error_of(v6().fragment(16, false).tcp(1, 2).payload(eight).build()) == "bad_fragment");
  CHECK(error_of(v6().fragment(0, false).fragment(0, true).udp(1, 2).payload(eight).build()) ==
        "bad_fragment");
  CHECK(error_of(v6().fragment(0, true).extension(kOptions, padding()).build()) == "");
  CHECK(error_of(v6().fragment(0, true).tcp(1, 2).ip_length(24).build()) == "truncated");
}

TEST_CASE("IPv6: jumbograms are refused") {
  CHECK(error_of(v6().extension(kHopByHop, jumbo_option(28)).tcp(1, 2).ip_length(0).build()) == "jumbo");
  CHECK(error_of(v6().extension(kHopByHop, jumbo_option(28)).tcp(1, 2).build()) == "jumbo");
  CHECK(error_of(v6().extension(kHopByHop, jumbo_option(70000)).udp(1, 2).ip_length(0).build(), 70040) ==
        "jumbo");
  Bytes behind_padding{0, 1, 0};  // Pad1, PadN
  behind_padding.insert(behind_padding.end(), {0xc2, 4, 0, 1, 0x11, 0x70});
  CHECK(error_of(v6().extension(kHopByHop, behind_padding).tcp(1, 2).ip_length(0).build(), 70040) == "jumbo");
  CHECK(error_of(v6().extension(kHopByHop, {0xc2, 3, 0, 0, 0, 0}).tcp(1, 2).ip_length(0).build(), 70040) ==
        "jumbo");
}

TEST_CASE("IPv6: a length of 0 in front of hop-by-hop options needs the jumbo option") {
  CHECK(error_of(v6().extension(kHopByHop, padding()).tcp(1, 2).ip_length(0).build()) == "bad_length");
  CHECK(error_of(v6().extension(kHopByHop, padding()).tcp(1, 2).ip_length(0).build(), 65575) == "bad_length");
}

TEST_CASE("IPv6: a GSO packet has the length that the wire says") {
  const Bytes plain = v6().tcp(1, 2).payload("head").ip_length(0).build();
  CHECK(parsed(plain, 65576).length == 65576);
  CHECK(text_of(parsed(plain, 200000).payload) == "head");
  CHECK(error_of(plain, 65575) == "truncated");
  const Bytes with_option =
      v6().extension(kHopByHop, jumbo_option(70000)).tcp(1, 2).payload("head").ip_length(0).build();
  const OwnedPacket packet = parsed(with_option, 70040);
  CHECK(packet.length == 70040);
  CHECK(packet.endpoints.destination_port == 2);
  CHECK(text_of(packet.payload) == "head");
  CHECK(parsed(v6().extension(kHopByHop, padding()).tcp(1, 2).ip_length(0).build(), 70040).length == 70040);
}

TEST_CASE("IPv6: options that overrun their header") {
  CHECK(error_of(v6().extension(kHopByHop, {5, 5, 0, 0, 0, 0}).tcp(1, 2).build()) == "bad_length");
  CHECK(error_of(v6().extension(kHopByHop, {0, 0, 0, 0, 0, 5}).tcp(1, 2).build()) == "bad_length");
  CHECK(error_of(v6().extension(kHopByHop, {0, 0, 0, 0, 0, 0}).tcp(1, 2).build()) == "");
}

}  // namespace
}  // namespace tollgate::test
