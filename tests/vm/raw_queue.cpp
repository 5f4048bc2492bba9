// SPDX-License-Identifier: GPL-2.0-or-later
#include "raw_queue.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
// After the library's header, which has the same names without the attributes below.
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "sandbox.hpp"

namespace tollgate::vm {

namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error{errno, std::generic_category(), what}; }

using Buffer = std::array<char, 8192>;
using Attributes = std::array<const nlattr*, NFQA_MAX + 1>;

template <std::size_t Max>
int collect(const nlattr* attribute, void* into) {
  auto& table = *static_cast<std::array<const nlattr*, Max + 1>*>(into);
  const std::uint16_t type = mnl_attr_get_type(attribute);
  if (type <= Max) table[type] = attribute;
  return MNL_CB_OK;
}

std::optional<std::uint32_t> number(const nlattr* attribute) {
  if (attribute == nullptr) return std::nullopt;
  return ntohl(mnl_attr_get_u32(attribute));
}

int read_packet(const nlmsghdr* message, void* into) {
  Attributes seen{};
  mnl_attr_parse(message, sizeof(nfgenmsg), collect<NFQA_MAX>, &seen);
  if (seen[NFQA_PACKET_HDR] == nullptr) return MNL_CB_OK;
  auto& packet = *static_cast<std::optional<RawPacket>*>(into);
  packet.emplace();
  const auto* header = static_cast<const nfqnl_msg_packet_hdr*>(mnl_attr_get_payload(seen[NFQA_PACKET_HDR]));
  packet->id = ntohl(header->packet_id);
  packet->hook = header->hook;
  packet->mark = number(seen[NFQA_MARK]).value_or(0);
  packet->conntrack_info = number(seen[NFQA_CT_INFO]);
  packet->uid = number(seen[NFQA_UID]);
  if (seen[NFQA_CT] != nullptr) {
    packet->conntrack_bytes = mnl_attr_get_payload_len(seen[NFQA_CT]);
    std::array<const nlattr*, CTA_MAX + 1> entry{};
    mnl_attr_parse_nested(seen[NFQA_CT], collect<CTA_MAX>, &entry);
    packet->conntrack_mark = number(entry[CTA_MARK]);
  }
  return MNL_CB_STOP;
}

}  // namespace

void RawQueue::Close::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

RawQueue::RawQueue(std::uint16_t number, std::uint32_t flags)
    : number_{number}, socket_{mnl_socket_open(NETLINK_NETFILTER)} {
  if (!socket_ || mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0) fail("netlink");
  const timeval patience{kPatienceSeconds, 0};
  setsockopt(mnl_socket_get_fd(socket_.get()), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  Buffer buffer;
  nlmsghdr* bind = nfq_nlmsg_put(buffer.data(), NFQNL_MSG_CONFIG, number_);
  nfq_nlmsg_cfg_put_cmd(bind, AF_INET, NFQNL_CFG_CMD_BIND);
  request(bind);
  nlmsghdr* parameters = nfq_nlmsg_put(buffer.data(), NFQNL_MSG_CONFIG, number_);
  nfq_nlmsg_cfg_put_params(parameters, NFQNL_COPY_PACKET, 256);
  mnl_attr_put_u32(parameters, NFQA_CFG_FLAGS, htonl(flags));
  mnl_attr_put_u32(parameters, NFQA_CFG_MASK, htonl(flags));
  request(parameters);
}

RawQueue::~RawQueue() = default;

void RawQueue::request(nlmsghdr* message) {
  message->nlmsg_flags |= NLM_F_ACK;
  if (mnl_socket_sendto(socket_.get(), message, message->nlmsg_len) < 0) fail("queue configuration");
  Buffer reply;
  const ssize_t size = mnl_socket_recvfrom(socket_.get(), reply.data(), reply.size());
  if (size < 0 || mnl_cb_run(reply.data(), static_cast<std::size_t>(size), 0, 0, nullptr, nullptr) < 0) {
    fail("queue configuration");
  }
}

RawPacket RawQueue::next() {
  Buffer buffer;
  const ssize_t size = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
  if (size < 0) fail("no packet in the queue");
  std::optional<RawPacket> packet;
  mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), 0, 0, read_packet, &packet);
  if (!packet) throw std::runtime_error{"not a packet"};
  return *packet;
}

void RawQueue::answer(const RawPacket& packet, Fate fate, const RawMarks& marks) {
  Buffer buffer;
  nlmsghdr* verdict = nfq_nlmsg_put(buffer.data(), NFQNL_MSG_VERDICT, number_);
  nfq_nlmsg_verdict_put(verdict, static_cast<int>(packet.id), static_cast<int>(fate));
  if (marks.packet) mnl_attr_put_u32(verdict, NFQA_MARK, htonl(*marks.packet));
  if (marks.conntrack || marks.conntrack_mask) {
    nlattr* nest = mnl_attr_nest_start(verdict, NFQA_CT);
    if (marks.conntrack) mnl_attr_put_u32(verdict, CTA_MARK, htonl(*marks.conntrack));
    if (marks.conntrack_mask) mnl_attr_put_u32(verdict, CTA_MARK_MASK, htonl(*marks.conntrack_mask));
    mnl_attr_nest_end(verdict, nest);
  }
  if (mnl_socket_sendto(socket_.get(), verdict, verdict->nlmsg_len) < 0) fail("verdict");
}

int RawQueue::refusal() {
  Buffer buffer;
  const ssize_t size = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
  if (size < 0) fail("no refusal from the queue");
  if (mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), 0, 0, nullptr, nullptr) >= 0) {
    throw std::runtime_error{"a packet, not a refusal"};
  }
  return errno;
}

}  // namespace tollgate::vm
