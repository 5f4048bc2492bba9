// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/queue_message.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "queue_message_builder.hpp"
#include "tollgate/ruleset/queue_layout.hpp"

using namespace tollgate;
using tollgate::test::QueueMessage;

namespace {

constexpr std::uint8_t kPrerouting = 0, kInput = 1, kForward = 2, kOutput = 3, kPostrouting = 4;

QueueOptions options(MarkPath path = MarkPath::packet) {
  QueueOptions options;
  options.first = 4200;
  options.mark_path = path;
  return options;
}

std::string_view name_of(std::uint32_t index) {
  if (index == 2) return "eth0";
  if (index == 3) return "eth1";
  return {};
}

std::string text(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

FiveTuple tuple(Protocol protocol, std::uint16_t source_port, std::uint16_t destination_port) {
  FiveTuple tuple;
  tuple.source = {10, 0, 0, 1};
  tuple.destination = {10, 0, 0, 2};
  tuple.protocol = protocol;
  tuple.source_port = source_port;
  tuple.destination_port = destination_port;
  return tuple;
}

}  // namespace

TEST_CASE("a queued packet comes out with everything that was said of it") {
  QueueMessage message{4200};
  message.packet(77, kOutput)
      .number(NFQA_IFINDEX_INDEV, 3)
      .number(NFQA_IFINDEX_OUTDEV, 2)
      .number(NFQA_MARK, 0x00000100)
      .number(NFQA_UID, 1000)
      .number(NFQA_GID, 100)
      .number(NFQA_CAP_LEN, 1500)
      .raw(NFQA_PAYLOAD, "E-packet");
  const auto decoded = decode_packet(message.bytes(), options(), name_of);
  REQUIRE(decoded);
  const PacketQueued& packet = decoded->packet;
  CHECK(packet.id == PacketId{4200, 77});
  CHECK(packet.hook == Hook::output);
  CHECK_FALSE(packet.reply);
  CHECK_FALSE(packet.transit);
  CHECK(decoded->mark == 0x100);
  CHECK(packet.foreign_mark);
  CHECK(text(packet.bytes) == "E-packet");
  CHECK(packet.wire_length == 1500);
  CHECK(packet.interface == "eth0");
  CHECK(packet.uid == Known<std::uint32_t>{1000});
  CHECK(packet.gid == Known<std::uint32_t>{100});
  CHECK_FALSE(packet.conntrack);
}

TEST_CASE("what is not said of a packet stays empty") {
  QueueMessage message{4200};
  message.packet(1, kInput).raw(NFQA_PAYLOAD, "abc");
  const auto decoded = decode_packet(message.bytes(), options(), name_of);
  REQUIRE(decoded);
  CHECK(decoded->packet.uid.is_empty());
  CHECK(decoded->packet.gid.is_empty());
  CHECK(decoded->packet.interface.empty());
  CHECK(decoded->packet.wire_length == 3);
  CHECK_FALSE(decoded->packet.foreign_mark);
}

TEST_CASE("a packet without payload is a packet: it waits for an answer too") {
  QueueMessage message{4200};
  message.packet(1, kInput);
  const auto decoded = decode_packet(message.bytes(), options(), name_of);
  REQUIRE(decoded);
  CHECK(decoded->packet.bytes.empty());
}

TEST_CASE("the interface is the one that the packet leaves or came by") {
  const auto [hook, name] = GENERATE(table<std::uint8_t, std::string>(
      {{kPrerouting, "eth1"}, {kInput, "eth1"}, {kForward, "eth0"}, {kOutput, "eth0"}}));
  QueueMessage message{4200};
  message.packet(1, hook).number(NFQA_IFINDEX_INDEV, 3).number(NFQA_IFINDEX_OUTDEV, 2);
  const auto decoded = decode_packet(message.bytes(), options(), name_of);
  REQUIRE(decoded);
  CHECK(decoded->packet.interface == name);
}

TEST_CASE("the number of the queue says what the ruleset knows") {
  const auto bits = GENERATE(range(0, int{kQueueCount}));
  QueueMessage message{static_cast<std::uint16_t>(4200 + bits)};
  message.packet(1, kInput);
  const auto decoded = decode_packet(message.bytes(), options(), name_of);
  REQUIRE(decoded);
  CHECK(decoded->packet.id.queue == 4200 + bits);
  CHECK(decoded->packet.reply == ((bits & queue_bit::reply) != 0));
  CHECK(decoded->packet.transit == ((bits & queue_bit::transit) != 0));
}

TEST_CASE("a mark is foreign when it has bits of others and the packet would have to carry ours") {
  const auto [path, mark, foreign] = GENERATE(table<MarkPath, std::uint32_t, bool>({
      {MarkPath::packet, 0x00000100, true},
      {MarkPath::packet, 0x01000100, true},
      {MarkPath::packet, 0x01000000, false},
      {MarkPath::conntrack, 0x00000100, false},
  }));
  QueueMessage message{4200};
  message.packet(1, kOutput).number(NFQA_MARK, mark);
  const auto decoded = decode_packet(message.bytes(), options(path), name_of);
  REQUIRE(decoded);
  CHECK(decoded->packet.foreign_mark == foreign);
  CHECK(decoded->mark == mark);
}

TEST_CASE("conntrack data gives the flow's original direction") {
  const FiveTuple original = GENERATE(tuple(Protocol::tcp, 4711, 443), tuple(Protocol::udp, 53, 5353),
                                      tuple(Protocol::icmp, 77, 8 * 256), tuple(Protocol::gre, 0, 0));
  QueueMessage message{4202};
  message.packet(1, kInput).conntrack(original).raw(NFQA_PAYLOAD, "E");
  const auto decoded = decode_packet(message.bytes(), options(MarkPath::conntrack), name_of);
  REQUIRE(decoded);
  REQUIRE(decoded->packet.conntrack);
  CHECK(*decoded->packet.conntrack == original);
}

TEST_CASE("conntrack data names the flow whose helper expected this one") {
  const FiveTuple control = tuple(Protocol::tcp, 4711, 21), data = tuple(Protocol::tcp, 4712, 1025);
  for (const bool expected : {true, false}) {
    QueueMessage message{4200};
    message.packet(1, kOutput).conntrack(data, expected ? std::optional{control} : std::nullopt);
    const auto decoded = decode_packet(message.bytes(), options(MarkPath::conntrack), name_of);
    REQUIRE(decoded);
    CHECK(*decoded->packet.conntrack == data);
    CHECK(decoded->packet.master == (expected ? std::optional{control} : std::nullopt));
  }
}

TEST_CASE("conntrack data of IPv6") {
  FiveTuple original;
  original.family = Family::ipv6;
  original.source = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  original.destination = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
  original.protocol = Protocol::icmpv6;
  original.source_port = 77;
  original.destination_port = 128 * 256;
  QueueMessage message{4200};
  message.packet(1, kInput).conntrack(original);
  const auto decoded = decode_packet(message.bytes(), options(MarkPath::conntrack), name_of);
  REQUIRE(decoded);
  REQUIRE(decoded->packet.conntrack);
  CHECK(*decoded->packet.conntrack == original);
}

TEST_CASE("attributes that nobody knows yet are passed over") {
  QueueMessage message{4200};
  message.raw(NFQA_MAX + 1, "future").packet(5, kInput).raw(NFQA_SECCTX, "system_u").raw(NFQA_PAYLOAD, "E");
  const auto decoded = decode_packet(message.bytes(), options(), name_of);
  REQUIRE(decoded);
  CHECK(decoded->packet.id.id == 5);
}

TEST_CASE("messages that make no sense are none") {
  QueueMessage other_type{4200, NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT};
  CHECK_FALSE(decode_packet(other_type.packet(1, kInput).bytes(), options(), name_of));
  QueueMessage before{4199};
  CHECK_FALSE(decode_packet(before.packet(1, kInput).bytes(), options(), name_of));
  QueueMessage after{4200 + kQueueCount};
  CHECK_FALSE(decode_packet(after.packet(1, kInput).bytes(), options(), name_of));
  QueueMessage no_header{4200};
  CHECK_FALSE(decode_packet(no_header.raw(NFQA_PAYLOAD, "E").bytes(), options(), name_of));
  QueueMessage other_hook{4200};
  CHECK_FALSE(decode_packet(other_hook.packet(1, kPostrouting).bytes(), options(), name_of));
  QueueMessage short_mark{4200};
  CHECK_FALSE(decode_packet(short_mark.packet(1, kInput).raw(NFQA_MARK, "abc").bytes(), options(), name_of));
  CHECK_FALSE(decode_packet({}, options(), name_of));
}

TEST_CASE("a message cut anywhere is none, and nothing is read behind its end") {
  QueueMessage message{4200};
  message.packet(1, kInput).conntrack(tuple(Protocol::tcp, 1, 2)).raw(NFQA_PAYLOAD, "E-packet");
  for (std::size_t length = 0; length < message.bytes().size(); ++length) {
    // A copy of exactly this size, so that the sanitizer sees a read behind it.
    const std::vector<std::uint8_t> cut{message.bytes().begin(),
                                        message.bytes().begin() + static_cast<std::ptrdiff_t>(length)};
    CHECK_FALSE(decode_packet(cut, options(), name_of));
  }
}

TEST_CASE("a message that makes no sense still says which packet waits for an answer") {
  QueueMessage other_hook{4203};
  CHECK(waiting_packet(other_hook.packet(9, kPostrouting).bytes(), options()) == PacketId{4203, 9});
  QueueMessage short_mark{4200};
  CHECK(waiting_packet(short_mark.packet(9, kInput).raw(NFQA_MARK, "abc").bytes(), options()) ==
        PacketId{4200, 9});
  QueueMessage no_header{4200};
  CHECK_FALSE(waiting_packet(no_header.bytes(), options()));
  QueueMessage after{4200 + kQueueCount};
  CHECK_FALSE(waiting_packet(after.packet(9, kInput).bytes(), options()));
}
