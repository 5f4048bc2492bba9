// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/icmp.hpp"

#include "packet_test_support.hpp"
#include "tollgate/wire/ports.hpp"

namespace tollgate::test {
namespace {

struct Side {
  std::string near, far, router;
  std::uint8_t unreachable;
};

Side side() {
  return GENERATE(0, 1) == 0 ? Side{"10.0.0.1", "10.0.0.2", "10.0.0.254", 3}
                             : Side{"2001:db8::1", "2001:db8::2", "2001:db8::ff", 1};
}

TEST_CASE("ICMP: echo has an id, nothing else has") {
  const Side s = side();
  const bool v4 = s.unreachable == 3;
  const OwnedPacket request =
      parsed(PacketBuilder{s.near, s.far}.echo_request(0x1234).payload("ping").build());
  CHECK(request.endpoints.protocol == (v4 ? Protocol::icmp : Protocol::icmpv6));
  CHECK(int{request.endpoints.icmp.type} == (v4 ? 8 : 128));
  CHECK(request.endpoints.icmp.code == 0);
  CHECK(request.endpoints.icmp.id == 0x1234);
  CHECK_FALSE(request.icmp_error);
  CHECK(text_of(request.payload) == "ping");
  CHECK(request.endpoints.source_port == 0);

  const OwnedPacket reply = parsed(PacketBuilder{s.far, s.near}.echo_reply(0x1234).build());
  CHECK(int{reply.endpoints.icmp.type} == (v4 ? 0 : 129));
  CHECK(reply.endpoints.icmp.id == 0x1234);

  const OwnedPacket other = parsed(PacketBuilder{s.near, s.far}.icmp(v4 ? 13 : 135, 3, 0x1234).build());
  CHECK(other.endpoints.icmp.id == 0);
  CHECK(other.endpoints.icmp.code == 3);
  CHECK_FALSE(other.icmp_error);
}

TEST_CASE("ICMP: an error names the packet that it quotes") {
  const Side s = side();
  const auto quote = [&](const Bytes& quoted) {
    return parsed(PacketBuilder{s.router, s.near}.icmp_error(s.unreachable, 1, quoted).build());
  };
  const OwnedPacket packet = quote(PacketBuilder{s.near, s.far}.tcp(4711, 443).build());
  CHECK(packet.icmp_error);
  REQUIRE(packet.has_inner);
  CHECK(packet.endpoints.source.to_string() == s.router);
  CHECK(packet.endpoints.icmp.type == s.unreachable);
  CHECK(packet.inner.source.to_string() == s.near);
  CHECK(packet.inner.destination.to_string() == s.far);
  CHECK(packet.inner.protocol == Protocol::tcp);
  CHECK(packet.inner.source_port == 4711);
  CHECK(packet.inner.destination_port == 443);

  for (const auto& quoted :
       {PacketBuilder{s.near, s.far}.udp(7, 8).build(), PacketBuilder{s.near, s.far}.udplite(7, 8).build(),
        PacketBuilder{s.near, s.far}.sctp(7, 8).build(), PacketBuilder{s.near, s.far}.dccp(7, 8).build()}) {
    const OwnedPacket with_ports = quote(quoted);
    REQUIRE(with_ports.has_inner);
    CHECK(with_ports.inner.source_port == 7);
    CHECK(with_ports.inner.destination_port == 8);
  }
  const OwnedPacket echo = quote(PacketBuilder{s.near, s.far}.echo_request(99).build());
  REQUIRE(echo.has_inner);
  CHECK(echo.inner.icmp.id == 99);
  const OwnedPacket gre = quote(PacketBuilder{s.near, s.far}.protocol(Protocol::gre).build());
  REQUIRE(gre.has_inner);
  CHECK(gre.inner.protocol == Protocol::gre);
}

TEST_CASE("ICMP: a quotation may be cut short, down to the ports") {
  const Side s = side();
  const Bytes syn = PacketBuilder{s.near, s.far}.tcp(4711, 443).payload(Bytes(1000, 'x')).build();
  const std::size_t ports = (syn[0] >> 4 == 4 ? 20 : 40) + kPortsLength;
  for (std::size_t size = 0; size < ports + 40; ++size) {
    CAPTURE(size);
    const OwnedPacket packet =
        parsed(PacketBuilder{s.router, s.near}.icmp_error(s.unreachable, 1, head(syn, size)).build());
    CHECK(packet.icmp_error);
    CHECK(packet.has_inner == (size >= ports));
    CHECK(packet.inner.destination_port == (size >= ports ? 443 : 0));
    CHECK(packet.payload.size() == size);
  }
}

TEST_CASE("ICMP: a quotation that the copy range cut") {
  const Side s = side();
  const Bytes syn = PacketBuilder{s.near, s.far}.tcp(4711, 443).build();
  const Bytes bytes = PacketBuilder{s.router, s.near}.icmp_error(s.unreachable, 1, syn).build();
  const std::size_t start = bytes.size() - syn.size();
  CHECK(parsed(Bytes(bytes.begin(), bytes.end() - 16), bytes.size()).has_inner);
  CHECK_FALSE(parsed(Bytes(bytes.begin(), bytes.end() - 17), bytes.size()).has_inner);
  CHECK(error_of(head(bytes, start), bytes.size()) == "");
  CHECK(error_of(head(bytes, start - 1), bytes.size()) == "beyond_copy_range");
  CHECK(error_of(head(bytes, start - 1)) == "truncated");
}

TEST_CASE("ICMP: a quotation that cannot be read is no error") {
  const Side s = side();
  const auto has_inner = [&](const Bytes& quoted) {
    return parsed(PacketBuilder{s.router, s.near}.icmp_error(s.unreachable, 1, quoted).build()).has_inner;
  };
  CHECK_FALSE(has_inner(bytes_of("no packet")));
  CHECK_FALSE(has_inner({}));
  const std::uint16_t too_short = s.unreachable == 3 ? 27 : 7;  // within the ICMP header
  CHECK_FALSE(has_inner(PacketBuilder{s.near, s.far}.echo_request(1).ip_length(too_short).build()));
  CHECK(has_inner(PacketBuilder{s.near, s.far}.fragment(0, true).udp(1, 2).payload(Bytes(8)).build()));
  CHECK_FALSE(has_inner(PacketBuilder{s.near, s.far}.fragment(64, true).udp(1, 2).payload(Bytes(8)).build()));
}

TEST_CASE("ICMP: what an error quotes is not quoted further") {
  const Side s = side();
  const Bytes syn = PacketBuilder{s.near, s.far}.tcp(4711, 443).build();
  const Bytes error = PacketBuilder{s.router, s.near}.icmp_error(s.unreachable, 1, syn).build();
  const OwnedPacket packet =
      parsed(PacketBuilder{s.near, s.router}.icmp_error(s.unreachable, 0, error).build());
  REQUIRE(packet.has_inner);
  CHECK(packet.inner.source.to_string() == s.router);
  CHECK(packet.inner.icmp.type == s.unreachable);
  CHECK(packet.inner.source_port == 0);
}

TEST_CASE("ICMP: only errors have a quotation") {
  const Side s = side();
  const Bytes syn = PacketBuilder{s.near, s.far}.tcp(4711, 443).build();
  const OwnedPacket packet = parsed(PacketBuilder{s.near, s.far}.echo_request(1).payload(syn).build());
  CHECK_FALSE(packet.icmp_error);
  CHECK_FALSE(packet.has_inner);
}

TEST_CASE("ICMP: the other family's is a protocol like any") {
  const Side s = side();
  const bool v4 = s.unreachable == 3;
  const Protocol foreign = v4 ? Protocol::icmpv6 : Protocol::icmp;
  const OwnedPacket packet =
      parsed(PacketBuilder{s.near, s.far}.protocol(foreign).payload("\x03\x01").build());
  CHECK(packet.endpoints.protocol == foreign);
  CHECK(packet.endpoints.icmp.type == 0);
  CHECK_FALSE(packet.icmp_error);
  CHECK(packet.payload.size() == 2);
  const Bytes quoted = PacketBuilder{s.near, s.far}.protocol(foreign).payload("\x08").build();
  CHECK(parsed(PacketBuilder{s.router, s.near}.icmp_error(s.unreachable, 1, quoted).build()).has_inner);
}

TEST_CASE("ICMP: fragments") {
  const Side s = side();
  const OwnedPacket first =
      parsed(PacketBuilder{s.near, s.far}.fragment(0, true).echo_request(5).payload(Bytes(8)).build());
  CHECK(first.endpoints.icmp.id == 5);
  const OwnedPacket later =
      parsed(PacketBuilder{s.near, s.far}.fragment(8, false).echo_request(5).payload(Bytes(8)).build());
  CHECK(later.endpoints.icmp.type == 0);
  CHECK(later.fragment == Fragment::later);
}

}  // namespace
}  // namespace tollgate::test
