// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/conntrack_message.hpp"

#include <endian.h>
#include <linux/netfilter/nf_conntrack_tcp.h>

#include <vector>

#include "catch.hpp"
#include "queue_message_builder.hpp"

using namespace tollgate;
using tollgate::test::QueueMessage;

namespace {

constexpr std::uint16_t kNew = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
constexpr std::uint16_t kDelete = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;

FiveTuple tuple(Protocol protocol, std::uint16_t source_port, std::uint16_t destination_port) {
  FiveTuple tuple;
  tuple.source = {192, 0, 2, 1};
  tuple.destination = {192, 0, 2, 2};
  tuple.protocol = protocol;
  tuple.source_port = source_port;
  tuple.destination_port = destination_port;
  return tuple;
}

void put_counters(nlmsghdr* message, std::uint16_t type, std::uint64_t packets, std::uint64_t bytes) {
  nlattr* const nest = mnl_attr_nest_start(message, type);
  mnl_attr_put_u64(message, CTA_COUNTERS_PACKETS, htobe64(packets));
  mnl_attr_put_u64(message, CTA_COUNTERS_BYTES, htobe64(bytes));
  mnl_attr_nest_end(message, nest);
}

void put_tcp_state(nlmsghdr* message, std::uint8_t state) {
  nlattr* const info = mnl_attr_nest_start(message, CTA_PROTOINFO);
  nlattr* const tcp = mnl_attr_nest_start(message, CTA_PROTOINFO_TCP);
  mnl_attr_put_u8(message, CTA_PROTOINFO_TCP_STATE, state);
  mnl_attr_nest_end(message, tcp);
  mnl_attr_nest_end(message, info);
}

}  // namespace

TEST_CASE("a tuple is read as it was written") {
  const FiveTuple original = GENERATE(tuple(Protocol::tcp, 4711, 443), tuple(Protocol::udp, 65535, 1),
                                      tuple(Protocol::sctp, 1, 2), tuple(Protocol::icmp, 0xabcd, 8 * 256),
                                      tuple(Protocol::icmp, 0, 13 * 256), tuple(Protocol::esp, 0, 0));
  QueueMessage message{0, kNew};
  put_original_tuple(message.header(), original);
  const auto decoded = decode_conntrack(message.bytes());
  REQUIRE(decoded);
  CHECK(decoded->attributes.entry.original == original);
}

TEST_CASE("the id of ICMP messages other than echo is not part of the tuple, as in wire") {
  QueueMessage message{0, kNew};
  put_original_tuple(message.header(), tuple(Protocol::icmp, 77, 13 * 256));  // timestamp
  const auto decoded = decode_conntrack(message.bytes());
  REQUIRE(decoded);
  CHECK(decoded->attributes.entry.original == tuple(Protocol::icmp, 0, 13 * 256));
}

TEST_CASE("the kind of a conntrack message") {
  QueueMessage updated{0, kNew};
  put_original_tuple(updated.header(), tuple(Protocol::tcp, 1, 2));
  CHECK(decode_conntrack(updated.bytes())->kind == ConntrackChanged::Kind::updated);

  QueueMessage started{0, kNew};
  started.header()->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
  put_original_tuple(started.header(), tuple(Protocol::tcp, 1, 2));
  CHECK(decode_conntrack(started.bytes())->kind == ConntrackChanged::Kind::started);

  QueueMessage destroyed{0, kDelete};
  put_original_tuple(destroyed.header(), tuple(Protocol::tcp, 1, 2));
  CHECK(decode_conntrack(destroyed.bytes())->kind == ConntrackChanged::Kind::destroyed);

  QueueMessage other{0, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET};
  put_original_tuple(other.header(), tuple(Protocol::tcp, 1, 2));
  CHECK_FALSE(decode_conntrack(other.bytes()));
}

TEST_CASE("mark and counters of both ways") {
  QueueMessage message{0, kDelete};
  put_original_tuple(message.header(), tuple(Protocol::udp, 1, 2));
  put_mark(message.header(), 0x03000001, 0xffffffff);
  put_counters(message.header(), CTA_COUNTERS_ORIG, 3, 300);
  put_counters(message.header(), CTA_COUNTERS_REPLY, 4, 0x100000000);
  const auto decoded = decode_conntrack(message.bytes());
  REQUIRE(decoded);
  CHECK(decoded->attributes.mark == 0x03000001);
  CHECK(decoded->attributes.entry.packets == 7U);
  CHECK(decoded->attributes.entry.bytes == 0x10000012cU);
  CHECK_FALSE(decoded->attributes.entry.tcp);

  QueueMessage without{0, kDelete};
  put_original_tuple(without.header(), tuple(Protocol::udp, 1, 2));
  CHECK_FALSE(decode_conntrack(without.bytes())->attributes.entry.packets);
}

TEST_CASE("a TCP connection is over when both sides have closed or one has reset") {
  const auto [number, state, over] = GENERATE(table<std::uint8_t, TcpState, bool>({
      {TCP_CONNTRACK_SYN_SENT, TcpState::syn_sent, false},
      {TCP_CONNTRACK_SYN_RECV, TcpState::syn_received, false},
      {TCP_CONNTRACK_ESTABLISHED, TcpState::established, false},
      {TCP_CONNTRACK_FIN_WAIT, TcpState::fin_wait, false},
      {TCP_CONNTRACK_CLOSE_WAIT, TcpState::close_wait, false},
      {TCP_CONNTRACK_LAST_ACK, TcpState::last_ack, true},
      {TCP_CONNTRACK_TIME_WAIT, TcpState::time_wait, true},
      {TCP_CONNTRACK_CLOSE, TcpState::close, true},
      {TCP_CONNTRACK_SYN_SENT2, TcpState::syn_sent2, false},
  }));
  QueueMessage message{0, kNew};
  put_original_tuple(message.header(), tuple(Protocol::tcp, 1, 2));
  put_tcp_state(message.header(), number);
  const auto decoded = decode_conntrack(message.bytes());
  REQUIRE(decoded);
  CHECK(decoded->attributes.entry.tcp == state);
  CHECK(is_over(state) == over);
}

TEST_CASE("id, expiry and the way back") {
  QueueMessage message{0, kNew};
  const FiveTuple original = tuple(Protocol::tcp, 1, 2);
  put_original_tuple(message.header(), original);
  const auto bare = decode_conntrack(message.bytes());
  CHECK(bare->attributes.entry.id == 0);
  CHECK_FALSE(bare->attributes.entry.expires_in);
  CHECK(bare->attributes.entry.reply == original.reversed());
  mnl_attr_put_u32(message.header(), CTA_ID, htonl(0x12345678));
  mnl_attr_put_u32(message.header(), CTA_TIMEOUT, htonl(431999));
  const auto decoded = decode_conntrack(message.bytes());
  CHECK(decoded->attributes.entry.id == 0x12345678);
  CHECK(decoded->attributes.entry.expires_in == std::chrono::seconds{431999});
}

TEST_CASE("our field of the mark, out of the whole") {
  const auto [whole, ours] = GENERATE(table<std::uint32_t, FlowMark>({
      {0x01000700, FlowMark::accept},
      {0xf2ffffff, FlowMark::block},
      {0x00000001, FlowMark::undecided},
      {0x0f000000, FlowMark::undecided},
  }));
  ConntrackAttributes attributes;
  CHECK(entry_of(attributes, 0x0f000000).mark == FlowMark::undecided);
  attributes.mark = whole;
  CHECK(entry_of(attributes, 0x0f000000).mark == ours);
}

TEST_CASE("a conntrack message without a whole tuple is none") {
  QueueMessage empty{0, kNew};
  CHECK_FALSE(decode_conntrack(empty.bytes()));
  QueueMessage message{0, kNew};
  put_original_tuple(message.header(), tuple(Protocol::tcp, 1, 2));
  for (std::size_t length = 0; length < message.bytes().size(); ++length) {
    const std::vector<std::uint8_t> cut{message.bytes().begin(),
                                        message.bytes().begin() + static_cast<std::ptrdiff_t>(length)};
    CHECK_FALSE(decode_conntrack(cut));
  }
}
