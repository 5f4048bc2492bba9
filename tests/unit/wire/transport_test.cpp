// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet_test_support.hpp"
#include "tollgate/wire/dccp.hpp"
#include "tollgate/wire/sctp.hpp"
#include "tollgate/wire/udp.hpp"

namespace tollgate::test {
namespace {

// Both families have to read what stands above IP alike.
PacketBuilder either() {
  return GENERATE(0, 1) == 0 ? PacketBuilder{"10.0.0.1", "10.0.0.2"}
                             : PacketBuilder{"2001:db8::1", "2001:db8::2"};
}

std::size_t ip_header(const Bytes& bytes) { return bytes[0] >> 4 == 4 ? 20 : 40; }

TEST_CASE("TCP: every flag, options, payload") {
  const auto flags =
      static_cast<std::uint8_t>(GENERATE(0x00, 0x01, 0x02, 0x04, 0x08, 0x10, 0x12, 0x14, 0x19, 0xff));
  const OwnedPacket packet = parsed(either()
                                        .tcp(65535, 1, flags, 0xfffffffe, 7)
                                        .tcp_options({2, 4, 5, 0xb4, 1, 3, 3, 7})
                                        .payload("GET /")
                                        .build());
  CHECK(packet.endpoints.source_port == 65535);
  CHECK(packet.endpoints.destination_port == 1);
  CHECK(packet.tcp_flags == flags);
  CHECK(packet.tcp_sequence == 0xfffffffe);
  CHECK(text_of(packet.payload) == "GET /");
}

TEST_CASE("TCP: the data offset must not be inside the header, nor past the packet") {
  Bytes bytes = either().tcp(1, 2).payload("12345678").build();
  const std::size_t at = ip_header(bytes) + 12;
  bytes[at] = 0x40;
  CHECK(error_of(bytes) == "bad_length");
  bytes[at] = 0x70;
  CHECK(error_of(bytes) == "");
  bytes[at] = 0x80;
  CHECK(error_of(bytes) == "truncated");
  CHECK(error_of(head(bytes, bytes.size() - 8), bytes.size()) == "truncated");
}

TEST_CASE("UDP: the payload ends at the UDP length") {
  const OwnedPacket packet = parsed(either().udp(53, 5353).payload("answer+options").udp_length(14).build());
  CHECK(packet.endpoints.source_port == 53);
  CHECK(packet.endpoints.destination_port == 5353);
  CHECK(text_of(packet.payload) == "answer");
  CHECK(parsed(either().udp(1, 2).build()).payload.empty());
}

TEST_CASE("UDP: a length that is not the packet's") {
  const auto [length, error] = GENERATE(table<int, std::string>(
      {{0, "bad_length"}, {7, "bad_length"}, {8, ""}, {12, ""}, {13, "bad_length"}, {65535, "bad_length"}}));
  CAPTURE(length);
  CHECK(error_of(either().udp(1, 2).payload("data").udp_length(static_cast<std::uint16_t>(length)).build()) ==
        error);
}

TEST_CASE("UDP: a first fragment's length is the datagram's") {
  const Bytes bytes = either().udp(1, 2).udp_length(3000).payload(Bytes(16, 'x')).fragment(0, true).build();
  CHECK(parsed(bytes).payload.size() == 16);
}

TEST_CASE("UDP-Lite: ports, and a coverage that is there") {
  const OwnedPacket packet = parsed(either().udplite(7, 8).payload("data").build());
  CHECK(packet.endpoints.protocol == Protocol::udplite);
  CHECK(packet.endpoints.source_port == 7);
  CHECK(packet.endpoints.destination_port == 8);
  CHECK(text_of(packet.payload) == "data");
  const auto [coverage, error] = GENERATE(table<int, std::string>(
      {{0, ""}, {1, "bad_length"}, {7, "bad_length"}, {8, ""}, {12, ""}, {13, "bad_length"}}));
  CAPTURE(coverage);
  const Bytes bytes =
      either().udplite(7, 8).payload("data").udp_length(static_cast<std::uint16_t>(coverage)).build();
  CHECK(error_of(bytes) == error);
}

TEST_CASE("UDP-Lite: a first fragment's coverage is the datagram's") {
  CHECK(error_of(either().udplite(1, 2).udp_length(3000).payload(Bytes(16, 'x')).fragment(0, true).build()) ==
        "");
}

TEST_CASE("SCTP: the common header, then chunks") {
  const Bytes bytes = either().sctp(9, 10, 0xabcdef01).payload("chunk").build();
  const OwnedPacket packet = parsed(bytes);
  CHECK(packet.endpoints.protocol == Protocol::sctp);
  CHECK(packet.endpoints.source_port == 9);
  CHECK(packet.endpoints.destination_port == 10);
  CHECK(text_of(packet.payload) == "chunk");
  const std::size_t ports = ip_header(bytes) + kPortsLength;
  CHECK(error_of(head(bytes, ports), bytes.size()) == "");
  CHECK(error_of(head(bytes, ports - 1), bytes.size()) == "beyond_copy_range");
  CHECK(error_of(head(bytes, ports + 7)) == "truncated");
}

TEST_CASE("DCCP: the generic header, then data") {
  Bytes bytes = either().dccp(11, 12).payload("data").build();
  const OwnedPacket packet = parsed(bytes);
  CHECK(packet.endpoints.protocol == Protocol::dccp);
  CHECK(packet.endpoints.source_port == 11);
  CHECK(packet.endpoints.destination_port == 12);
  CHECK(text_of(packet.payload) == "data");

  const std::size_t offset = ip_header(bytes) + 4, extended = ip_header(bytes) + 8;
  bytes[offset] = 3;
  CHECK(error_of(bytes) == "bad_length");  // X = 1 needs 16 bytes
  bytes[extended] = 0;
  CHECK(parsed(bytes).payload.size() == 12);
  bytes[offset] = 2;
  CHECK(error_of(bytes) == "bad_length");
  bytes[offset] = 7;
  CHECK(error_of(bytes) == "truncated");
  CHECK(error_of(head(bytes, ip_header(bytes) + 11), bytes.size()) == "beyond_copy_range");
}

TEST_CASE("headers that are missing, by protocol") {
  const auto [protocol, header] =
      GENERATE(table<int, std::size_t>({{6, 20}, {17, 8}, {136, 8}, {132, 12}, {33, 12}}));
  const Bytes bytes =
      either().protocol(static_cast<std::uint8_t>(protocol)).payload(Bytes(header - 1)).build();
  CAPTURE(protocol);
  CHECK(error_of(bytes) == "truncated");
}

TEST_CASE("protocols without a parser have all their bytes as payload, and no ports") {
  const auto number = static_cast<std::uint8_t>(GENERATE(2, 4, 41, 47, 50, 89, 112, 253, 255));
  const OwnedPacket packet = parsed(either().protocol(number).payload("body").build());
  CHECK(packet.endpoints.protocol == Protocol{number});
  CHECK(packet.endpoints.source_port == 0);
  CHECK(packet.endpoints.destination_port == 0);
  CHECK(text_of(packet.payload) == "body");
  CHECK(error_of(either().protocol(number).build()) == "");
}

TEST_CASE("AH in IPv4 is a protocol, not an extension header") {
  const OwnedPacket packet =
      parsed(PacketBuilder{"10.0.0.1", "10.0.0.2"}.protocol(Protocol::ah).payload(Bytes(24, 6)).build());
  CHECK(packet.endpoints.protocol == Protocol::ah);
  CHECK(packet.payload.size() == 24);
}

}  // namespace
}  // namespace tollgate::test
