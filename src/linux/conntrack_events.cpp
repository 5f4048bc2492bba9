// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack_events.hpp"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <cerrno>

#include "netlink_reader.hpp"
#include "socket_filter.hpp"

namespace tollgate {
namespace {

constexpr unsigned kBatch = 32;
constexpr std::size_t kMessageRoom = 1024;  // an event takes some 300 bytes
// The kernel doubles it; an event occupies a good kilobyte: some 25,000 that nobody has read yet.
constexpr std::uint32_t kSocketBuffer = 16 << 20;
constexpr std::uint32_t kFamily = sizeof(nlmsghdr);  // nfgen_family
constexpr std::uint32_t kAttributes = sizeof(nlmsghdr) + sizeof(nfgenmsg);

void only_ours(SocketFilter& filter, std::uint32_t mark_mask) {
  filter.enter(kAttributes, CTA_MARK);
  filter.load_value_word();
  filter.mask(mark_mask);
  filter.leave_out(0);
}

// Updates: TCP that is over. New entries: all, where they are listened to. Both with a verdict of ours
// only: a flow without comes up by its packets and needs no event.
void only_new_and_over(SocketFilter& filter, std::uint32_t mark_mask) {
  filter.load_message_flags();
  filter.mask(htons(NLM_F_CREATE));
  const SocketFilter::Jump is_new = filter.jump_unless(0);
  filter.enter(kAttributes, CTA_PROTOINFO);
  filter.enter_nested(CTA_PROTOINFO_TCP);
  filter.enter_nested(CTA_PROTOINFO_TCP_STATE);
  filter.load_value_byte();
  filter.only_between(TCP_CONNTRACK_TIME_WAIT, TCP_CONNTRACK_CLOSE);
  filter.land(is_new);
  only_ours(filter, mark_mask);
}

void leave_out_icmp(SocketFilter& filter) {
  filter.enter(kAttributes, CTA_TUPLE_ORIG);
  filter.enter_nested(CTA_TUPLE_PROTO);
  filter.enter_nested(CTA_PROTO_NUM);
  filter.load_value_byte();
  filter.leave_out(IPPROTO_ICMP);
  filter.leave_out(IPPROTO_ICMPV6);
}

// 127.0.0.0/8 and ::1. On a machine whose services talk over loopback most flows that end are such
// flows, and none of them is ours.
void leave_out_loopback(SocketFilter& filter) {
  filter.enter(kAttributes, CTA_TUPLE_ORIG);
  filter.enter_nested(CTA_TUPLE_IP);
  filter.load_byte(kFamily);
  const SocketFilter::Jump not_v4 = filter.jump_unless(AF_INET);
  filter.enter_nested(CTA_IP_V4_SRC);
  filter.load_value_word();
  filter.mask(0xff000000);
  filter.leave_out(0x7f000000);
  filter.let_through();
  filter.land(not_v4);
  filter.enter_nested(CTA_IP_V6_SRC);
  filter.load_value_word();
  const SocketFilter::Jump first = filter.jump_unless(0);
  filter.load_value_word(4);
  const SocketFilter::Jump second = filter.jump_unless(0);
  filter.load_value_word(8);
  const SocketFilter::Jump third = filter.jump_unless(0);
  filter.load_value_word(12);
  filter.leave_out(1);
  filter.land(first);
  filter.land(second);
  filter.land(third);
}

SocketFilter what_concerns_us(const ConntrackEventOptions& options) {
  SocketFilter filter;
  filter.load_message_type();
  const SocketFilter::Jump gone = filter.jump_if(htons(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE));
  only_new_and_over(filter, options.mark_mask);
  filter.land(gone);
  if (!options.icmp) leave_out_icmp(filter);
  if (options.loopback == LoopbackHandling::exempt) leave_out_loopback(filter);
  return filter;
}

void hand_out(std::span<const std::uint8_t> datagram, std::uint32_t mark_mask,
              const std::function<void(const ConntrackChanged&)>& each) {
  NetlinkMessages messages{datagram};
  nlmsghdr header{};
  std::span<const std::uint8_t> message;
  while (messages.next(header, message)) {
    const auto decoded = decode_conntrack(message);
    if (decoded) each(ConntrackChanged{decoded->kind, entry_of(decoded->attributes, mark_mask)});
  }
}

}  // namespace

ConntrackEvents::ConntrackEvents(NetlinkSocket socket, std::uint32_t mark_mask)
    : socket_{std::move(socket)}, batch_{kBatch, kMessageRoom}, mark_mask_{mark_mask} {}

Result<ConntrackEvents, std::string> ConntrackEvents::open(const ConntrackEventOptions& options) {
  Result<NetlinkSocket, std::string> socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) return socket.error();
  ConntrackEvents events{std::move(*socket), options.mark_mask};
  events.socket_.set_receive_buffer(kSocketBuffer);
  events.filtered_ = what_concerns_us(options).attach(events.fd());
  for (const unsigned group : {unsigned{NFNLGRP_CONNTRACK_DESTROY}, unsigned{NFNLGRP_CONNTRACK_UPDATE}}) {
    if (group == NFNLGRP_CONNTRACK_UPDATE && !options.tcp_ends) continue;
    if (!events.socket_.join(group)) return "cannot listen to conntrack events: " + error_text(errno);
  }
  return events;
}

bool ConntrackEvents::tell_new(bool on) {
  return on ? socket_.join(NFNLGRP_CONNTRACK_NEW) : socket_.leave(NFNLGRP_CONNTRACK_NEW);
}

NetlinkBatch::Drained ConntrackEvents::receive(unsigned budget,
                                               const std::function<void(const ConntrackChanged&)>& each) {
  return batch_.drain(socket_, budget,
                      [&](std::span<const std::uint8_t> datagram) { hand_out(datagram, mark_mask_, each); });
}

}  // namespace tollgate
