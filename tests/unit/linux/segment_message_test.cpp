// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/segment_message.hpp"

#include <linux/netfilter/nfnetlink_log.h>

#include <algorithm>
#include <string>

#include "catch.hpp"
#include "linux/nflog.hpp"
#include "packet_builder.hpp"
#include "queue_message_builder.hpp"
#include "tollgate/wire/tcp.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr std::uint16_t kPacket = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET;

std::optional<TcpClosing> decoded(std::uint16_t type, const Bytes& packet) {
  QueueMessage message{0, type};
  message.number(NFULA_MARK, 7);
  message.raw(NFULA_PAYLOAD, {reinterpret_cast<const char*>(packet.data()), packet.size()});
  return decode_segment(message.bytes());
}

Bytes segment(std::uint8_t flags, std::size_t payload = 0) {
  PacketBuilder builder{"2001:db8::1", "2001:db8::2"};
  builder.tcp(4000, 443, flags, 9);
  if (payload > 0) builder.payload(Bytes(payload, 'x'));
  return builder.build();
}

}  // namespace

TEST_CASE("a copied segment says whose it is and whether it resets") {
  const auto fin = decoded(kPacket, segment(tcp_flag::fin | tcp_flag::ack));
  REQUIRE(fin);
  REQUIRE(fin->tuple.to_string() == "tcp [2001:db8::1]:4000 > [2001:db8::2]:443");
  REQUIRE_FALSE(fin->reset);
  const auto rst = decoded(kPacket, segment(tcp_flag::rst));
  REQUIRE(rst);
  REQUIRE(rst->reset);
}

TEST_CASE("a copy is cut after the headers") {
  Bytes bytes = segment(tcp_flag::fin, 1000);
  bytes.resize(128);
  REQUIRE(decoded(kPacket, bytes));
  bytes.resize(50);  // among the TCP header
  REQUIRE_FALSE(decoded(kPacket, bytes));
}

TEST_CASE("the packet of a copy comes as it was copied") {
  const Bytes packet = PacketBuilder{"127.0.0.1", "127.0.0.53"}.udp(5000, 53).payload("words").build();
  QueueMessage message{0, kPacket};
  message.number(NFULA_MARK, 7);
  message.raw(NFULA_PAYLOAD, {reinterpret_cast<const char*>(packet.data()), packet.size()});
  const auto copy = decode_copy(message.bytes());
  REQUIRE(copy);
  REQUIRE(std::ranges::equal(*copy, packet));
  REQUIRE_FALSE(decode_copy(message.bytes().first(30)));
  QueueMessage empty{0, kPacket};
  REQUIRE_FALSE(decode_copy(empty.number(NFULA_MARK, 7).bytes()));
}

TEST_CASE("what ends no connection, and what is no copy, is nothing") {
  REQUIRE_FALSE(decoded(kPacket, segment(tcp_flag::ack)));
  REQUIRE_FALSE(decoded(kPacket, segment(tcp_flag::syn)));
  REQUIRE_FALSE(decoded(kPacket, PacketBuilder{"10.0.0.1", "10.0.0.2"}.udp(1, 2).build()));
  REQUIRE_FALSE(decoded(kPacket, {}));
  REQUIRE_FALSE(decoded(NFNL_SUBSYS_QUEUE << 8 | NFULNL_MSG_PACKET, segment(tcp_flag::fin)));
  REQUIRE_FALSE(decode_segment({}));
}
