// SPDX-License-Identifier: GPL-2.0-or-later
#include "socket_diag.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "netlink_reader.hpp"
#include "socket_filter.hpp"

namespace tollgate {
namespace {

constexpr unsigned kBatch = 32;
constexpr std::size_t kMessageRoom = 1024;  // with struct tcp_info some 400 bytes
constexpr std::uint32_t kSocketBuffer = 8 << 20;
constexpr std::size_t kReceiveBuffer = 16 * 1024;
constexpr std::uint64_t kNoCookie = ~std::uint64_t{0};

// Places in the message, from the netlink header on.
constexpr std::uint32_t kMessage = sizeof(nlmsghdr);
constexpr std::uint32_t kFamily = kMessage + offsetof(inet_diag_msg, idiag_family);
constexpr std::uint32_t kSocketId = kMessage + offsetof(inet_diag_msg, id);
constexpr std::uint32_t kLocalPort = kSocketId + offsetof(inet_diag_sockid, idiag_sport);
constexpr std::uint32_t kLocalAddress = kSocketId + offsetof(inet_diag_sockid, idiag_src);

// What has no port never talked to anybody.
void leave_out_the_unused(SocketFilter& filter) {
  filter.load_half(kLocalPort);
  filter.leave_out(0);
}

// 127.0.0.0/8, the same mapped into IPv6, and ::1.
void leave_out_loopback(SocketFilter& filter) {
  filter.load_byte(kFamily);
  const SocketFilter::Jump not_v4 = filter.jump_unless(AF_INET);
  filter.load_word(kLocalAddress);
  filter.mask(0xff000000);
  filter.leave_out(0x7f000000);
  filter.let_through();
  filter.land(not_v4);
  filter.load_word(kLocalAddress);
  const SocketFilter::Jump first = filter.jump_unless(0);
  filter.load_word(kLocalAddress + 4);
  const SocketFilter::Jump second = filter.jump_unless(0);
  filter.load_word(kLocalAddress + 8);
  const SocketFilter::Jump not_mapped = filter.jump_unless(0x0000ffff);
  filter.load_word(kLocalAddress + 12);
  filter.mask(0xff000000);
  filter.leave_out(0x7f000000);
  filter.let_through();
  filter.land(not_mapped);
  const SocketFilter::Jump third = filter.jump_unless(0);
  filter.load_word(kLocalAddress + 12);
  filter.leave_out(1);
  filter.land(first);
  filter.land(second);
  filter.land(third);
}

void hand_out(std::span<const std::uint8_t> datagram, const std::function<void(const SocketEntry&)>& each) {
  NetlinkMessages messages{datagram};
  nlmsghdr header{};
  std::span<const std::uint8_t> message;
  while (messages.next(header, message)) {
    if (const auto entry = decode_socket(message)) each(*entry);
  }
}

inet_diag_sockid socket_id(const SocketEntry& socket) {
  inet_diag_sockid id{};
  FiveTuple tuple = socket.tuple;
  // A lookup of UDP takes the ends the other way round ("for historical reasons", net/ipv4/udp_diag.c).
  if (tuple.protocol == Protocol::udp) tuple = tuple.reversed();
  id.idiag_sport = htons(tuple.source_port);
  id.idiag_dport = htons(tuple.destination_port);
  std::memcpy(id.idiag_src, tuple.source.data(), tuple.source.size());
  std::memcpy(id.idiag_dst, tuple.destination.data(), tuple.destination.size());
  id.idiag_if = socket.interface;
  id.idiag_cookie[0] = static_cast<std::uint32_t>(socket.cookie);
  id.idiag_cookie[1] = static_cast<std::uint32_t>(socket.cookie >> 32);
  return id;
}

}  // namespace

SocketEvents::SocketEvents(NetlinkSocket socket) : socket_{std::move(socket)}, batch_{kBatch, kMessageRoom} {}

Result<SocketEvents, std::string> SocketEvents::open(LoopbackHandling loopback) {
  Result<NetlinkSocket, std::string> socket = NetlinkSocket::open(NETLINK_SOCK_DIAG);
  if (!socket) return socket.error();
  SocketEvents events{std::move(*socket)};
  events.socket_.set_receive_buffer(kSocketBuffer);
  SocketFilter filter;
  leave_out_the_unused(filter);
  if (loopback == LoopbackHandling::exempt) leave_out_loopback(filter);
  filter.attach(events.fd());  // a kernel that refuses it sends more than is needed, no less
  for (const auto group : {SKNLGRP_INET_UDP_DESTROY, SKNLGRP_INET6_UDP_DESTROY}) {
    if (!events.socket_.join(group)) return "cannot listen to the end of sockets: " + error_text(errno);
  }
  return events;
}

bool SocketEvents::tell_tcp(bool on) {
  bool done = true;
  for (const auto group : {SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY}) {
    if (!(on ? socket_.join(group) : socket_.leave(group))) done = false;
  }
  return done;
}

NetlinkBatch::Drained SocketEvents::receive(unsigned budget,
                                            const std::function<void(const SocketEntry&)>& each) {
  return batch_.drain(socket_, budget,
                      [&](std::span<const std::uint8_t> datagram) { hand_out(datagram, each); });
}

SocketDiag::SocketDiag(NetlinkSocket socket) : socket_{std::move(socket)}, in_(kReceiveBuffer) {
  // There is no such socket: a kernel that can looks for it, one that cannot says so.
  SocketEntry nobody;
  nobody.cookie = kNoCookie;
  can_destroy_ = request(SOCK_DESTROY, NLM_F_ACK, nobody, nullptr) == ENOENT;
}

Result<SocketDiag, std::string> SocketDiag::open() {
  Result<NetlinkSocket, std::string> socket = NetlinkSocket::open(NETLINK_SOCK_DIAG);
  if (!socket) return socket.error();
  return SocketDiag{std::move(*socket)};
}

int SocketDiag::request(std::uint16_t type, std::uint16_t flags, const SocketEntry& socket,
                        std::optional<SocketEntry>* answer) {
  struct {
    nlmsghdr header{};
    inet_diag_req_v2 about{};
  } message;
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = type;
  message.header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  message.header.nlmsg_seq = ++sequence_;
  message.about.sdiag_family = socket.tuple.family == Family::ipv4 ? AF_INET : AF_INET6;
  message.about.sdiag_protocol = static_cast<std::uint8_t>(socket.tuple.protocol);
  message.about.idiag_states = ~0U;
  message.about.id = socket_id(socket);
  if (const int error = socket_.send({reinterpret_cast<const std::uint8_t*>(&message), sizeof message})) {
    return error;
  }
  // There is one answer, and it is there: the socket, or why not.
  for (;;) {
    const NetlinkSocket::Received received = socket_.receive(in_);
    if (received.read == NetlinkSocket::Read::empty || received.read == NetlinkSocket::Read::failed) {
      return ENODATA;
    }
    NetlinkMessages messages{received.bytes};
    nlmsghdr header{};
    std::span<const std::uint8_t> part;
    while (messages.next(header, part)) {
      if (header.nlmsg_seq != sequence_) continue;
      if (header.nlmsg_type == NLMSG_ERROR) return netlink_error(part);
      const auto entry = decode_socket(part, socket.tuple.protocol);
      if (!entry || answer == nullptr) return ENODATA;
      *answer = *entry;
      return 0;
    }
  }
}

std::optional<SocketEntry> SocketDiag::look_up(const FiveTuple& tuple, std::uint32_t interface) {
  SocketEntry wanted;
  wanted.tuple = tuple;
  wanted.cookie = kNoCookie;
  wanted.interface = interface;
  std::optional<SocketEntry> found;
  return request(SOCK_DIAG_BY_FAMILY, 0, wanted, &found) == 0 ? found : std::nullopt;
}

std::optional<SocketEntry> SocketDiag::find(const FiveTuple& tuple, std::uint32_t interface) {
  const bool connected_only = tuple.protocol == Protocol::tcp && tuple.destination_port != 0;
  for (const std::uint32_t where : {std::uint32_t{0}, interface}) {
    std::optional<SocketEntry> found = look_up(tuple, where);
    // Where no connection is, the kernel finds who listens: that is not what was asked for.
    if (found && (!connected_only || found->tuple == tuple)) return found;
    if (interface == 0) break;
  }
  return std::nullopt;
}

std::optional<SocketEntry> SocketDiag::find_or_listening(const FiveTuple& tuple, std::uint32_t interface) {
  std::optional<SocketEntry> found = look_up(tuple, 0);
  return found || interface == 0 ? found : look_up(tuple, interface);
}

SocketDiag::Destroyed SocketDiag::destroy(const FiveTuple& tuple, std::uint64_t cookie,
                                          std::uint32_t interface) {
  const std::optional<SocketEntry> found = find(tuple, interface);
  if (!found || tuple.destination_port == 0 || (cookie != 0 && found->cookie != cookie))
    return Destroyed::gone;
  switch (request(SOCK_DESTROY, NLM_F_ACK, *found, nullptr)) {
    case 0:
      return Destroyed::done;
    case ENOENT:
      return Destroyed::gone;
    default:
      return Destroyed::failed;
  }
}

}  // namespace tollgate
