// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/link_layer.hpp"

#include "packet_test_support.hpp"

namespace tollgate::test {
namespace {

Bytes packet4() { return PacketBuilder{"10.0.0.1", "10.0.0.2"}.tcp(1, 2).payload("0123456789").build(); }
Bytes packet6() { return PacketBuilder{"2001:db8::1", "2001:db8::2"}.tcp(1, 2).build(); }

// What ip_bytes() found, or "none".
std::string found(LinkType type, std::span<const std::uint8_t> frame) {
  const auto bytes = ip_bytes(type, frame);
  return bytes ? text_of(*bytes) : "none";
}

TEST_CASE("link types by pcap's numbers") {
  CHECK(link_type(0) == LinkType::null_loopback);
  CHECK(link_type(1) == LinkType::ethernet);
  CHECK(link_type(12) == LinkType::raw);
  CHECK(link_type(101) == LinkType::raw);
  CHECK(link_type(108) == LinkType::openbsd_loop);
  CHECK(link_type(113) == LinkType::linux_sll);
  CHECK(link_type(228) == LinkType::ipv4);
  CHECK(link_type(229) == LinkType::ipv6);
  CHECK(link_type(276) == LinkType::linux_sll2);
  for (const int other : {-1, 2, 14, 105, 127, 227, 65536, 65537}) CHECK_FALSE(link_type(other));
}

TEST_CASE("Ethernet: IPv4, IPv6, and what is neither") {
  CHECK(found(LinkType::ethernet, ethernet_frame(packet4())) == text_of(packet4()));
  CHECK(found(LinkType::ethernet, ethernet_frame(packet6())) == text_of(packet6()));
  Bytes arp = ethernet_frame(packet4());
  arp[13] = 0x06;
  CHECK(found(LinkType::ethernet, arp) == "none");
  Bytes lldp = ethernet_frame(packet4());
  lldp[12] = 0x88;
  lldp[13] = 0xcc;
  CHECK(found(LinkType::ethernet, lldp) == "none");
}

TEST_CASE("Ethernet: VLAN tags, up to a bound") {
  const auto inner = [](std::initializer_list<std::uint16_t> tags) {
    return found(LinkType::ethernet, ethernet_frame(packet4(), tags));
  };
  CHECK(inner({0x8100}) == text_of(packet4()));
  CHECK(inner({0x88a8, 0x8100}) == text_of(packet4()));
  CHECK(inner({0x9100, 0x8100, 0x8100}) == text_of(packet4()));
  CHECK(inner({0x88a8, 0x88a8, 0x88a8, 0x8100}) == text_of(packet4()));
  CHECK(inner({0x88a8, 0x88a8, 0x88a8, 0x88a8, 0x8100}) == "none");
}

TEST_CASE("Ethernet: padding stays, and the packet's length says where it starts") {
  const Bytes syn = PacketBuilder{"10.0.0.1", "10.0.0.2"}.tcp(1, 2).build();
  const Bytes frame = ethernet_frame(syn);
  const auto bytes = ip_bytes(LinkType::ethernet, frame);
  REQUIRE(bytes);
  CHECK(bytes->size() == 46);
  CHECK(error_of(*bytes) == "");
}

TEST_CASE("frames too short to tell") {
  const Bytes tagged = ethernet_frame(packet4(), {0x8100});
  for (std::size_t size = 0; size < 18; ++size) {
    CHECK(found(LinkType::ethernet, head(tagged, size)) == "none");
  }
  CHECK(found(LinkType::ethernet, head(tagged, 18)) == "");
  const LinkType type =
      GENERATE(LinkType::null_loopback, LinkType::openbsd_loop, LinkType::linux_sll, LinkType::linux_sll2);
  CHECK(found(type, {}) == "none");
  CHECK(found(type, Bytes{0, 0, 8}) == "none");
}

TEST_CASE("raw IP is what it is") {
  const LinkType type = GENERATE(LinkType::raw, LinkType::ipv4, LinkType::ipv6);
  CHECK(found(type, packet4()) == text_of(packet4()));
  CHECK(found(type, {}) == "");
}

TEST_CASE("BSD loopback: the family in either order") {
  for (const std::uint8_t family : Bytes{2, 10, 24, 28, 30}) {
    CAPTURE(int{family});
    CHECK(found(LinkType::null_loopback, Bytes{family, 0, 0, 0, 'x'}) == "x");
    CHECK(found(LinkType::null_loopback, Bytes{0, 0, 0, family, 'x'}) == "x");
    CHECK(found(LinkType::openbsd_loop, Bytes{0, 0, 0, family, 'x'}) == "x");
    CHECK(found(LinkType::openbsd_loop, Bytes{family, 0, 0, 0, 'x'}) == "none");
  }
  for (const std::uint8_t family : Bytes{0, 1, 7, 255}) {
    CHECK(found(LinkType::null_loopback, Bytes{family, 0, 0, 0, 'x'}) == "none");
    CHECK(found(LinkType::openbsd_loop, Bytes{0, 0, 0, family, 'x'}) == "none");
  }
  CHECK(found(LinkType::null_loopback, Bytes{2, 0, 0, 2, 'x'}) == "none");
}

TEST_CASE("Linux cooked: the protocol is last in version 1, first in version 2") {
  const auto sll = [](std::size_t ethertype) {
    return ByteWriter{}.u16(4).u16(1).u16(6).zeros(8).u16(ethertype).add(packet4()).bytes();
  };
  const auto sll2 = [](std::size_t ethertype) {
    return ByteWriter{}.u16(ethertype).u16(0).u32(3).u16(1).u8(4).u8(6).zeros(8).add(packet4()).bytes();
  };
  CHECK(found(LinkType::linux_sll, sll(0x0800)) == text_of(packet4()));
  CHECK(found(LinkType::linux_sll, sll(0x86dd)) == text_of(packet4()));
  CHECK(found(LinkType::linux_sll, sll(0x0806)) == "none");
  CHECK(found(LinkType::linux_sll, head(sll(0x0800), 15)) == "none");
  CHECK(found(LinkType::linux_sll2, sll2(0x0800)) == text_of(packet4()));
  CHECK(found(LinkType::linux_sll2, sll2(0x0806)) == "none");
  CHECK(found(LinkType::linux_sll2, head(sll2(0x0800), 19)) == "none");

  const Bytes tagged =
      ByteWriter{}.u16(4).u16(1).u16(6).zeros(8).u16(0x8100).u16(7).u16(0x0800).u8('x').bytes();
  CHECK(found(LinkType::linux_sll, tagged) == "x");
}

}  // namespace
}  // namespace tollgate::test
