// SPDX-License-Identifier: GPL-2.0-or-later
#include "closing_segments.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>

#include <array>
#include <cerrno>
#include <vector>

#include "netlink_reader.hpp"
#include "segment_message.hpp"
#include "tollgate/ruleset/queue_layout.hpp"

namespace tollgate {
namespace {

constexpr unsigned kBatch = 8;
constexpr std::uint32_t kDatagram = 16 * 1024;  // that the kernel fills
// The kernel sends what does not fit by itself: a segment has at most some 500 bytes with all about it.
constexpr std::size_t kRoom = kDatagram + 4096;
constexpr std::uint32_t kSocketBuffer = 4 << 20;
constexpr std::uint32_t kTimeout = 2;       // hundredths of a second
constexpr std::uint32_t kTogether = 1'000;  // more than fit: the datagram is the bound

// Everything in one message; the kernel binds first.
int bind(NetlinkSocket& socket, std::uint16_t group) {
  alignas(8) std::array<char, 256> out{};
  nlmsghdr* const message = mnl_nlmsg_put_header(out.data());
  message->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  auto* const family = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
  family->nfgen_family = AF_UNSPEC;
  family->version = NFNETLINK_V0;
  family->res_id = htons(group);
  const nfulnl_msg_config_cmd command{NFULNL_CFG_CMD_BIND};
  mnl_attr_put(message, NFULA_CFG_CMD, sizeof command, &command);
  nfulnl_msg_config_mode mode{};
  mode.copy_range = htonl(kSegmentCopy);
  mode.copy_mode = NFULNL_COPY_PACKET;
  mnl_attr_put(message, NFULA_CFG_MODE, sizeof mode, &mode);
  mnl_attr_put_u32(message, NFULA_CFG_TIMEOUT, htonl(kTimeout));
  mnl_attr_put_u32(message, NFULA_CFG_NLBUFSIZ, htonl(kDatagram));
  mnl_attr_put_u32(message, NFULA_CFG_QTHRESH, htonl(kTogether));
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(message);
  // Copies may stand in front of the answer, of rules from before us.
  std::vector<std::uint8_t> buffer(kRoom);
  return socket.ask({bytes, message->nlmsg_len}, buffer, [](std::span<const std::uint8_t>) {});
}

std::string refused(std::uint16_t group, int error) {
  const std::string bind = "cannot bind NFLOG group " + std::to_string(group) + ": ";
  if (error == EBUSY) {
    return bind + "another program is bound to it; stop it or set [queue] nflog_group";
  }
  if (error == EPERM) return bind + "CAP_NET_ADMIN is needed";
  if (error == EINVAL || error == EOPNOTSUPP) {
    return bind + "this kernel has no NFLOG (nfnetlink_log); set tcp_ends = \"conntrack\" in [flow]";
  }
  return bind + error_text(error);
}

}  // namespace

ClosingSegments::ClosingSegments(NetlinkSocket socket) : socket_{std::move(socket)}, batch_{kBatch, kRoom} {}

Result<ClosingSegments, std::string> ClosingSegments::open(std::uint16_t group) {
  Result<NetlinkSocket, std::string> socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) return socket.error();
  socket->set_receive_buffer(kSocketBuffer);
  int error = bind(*socket, group);
  if (error == EAGAIN) error = bind(*socket, group);  // the kernel has just loaded the module
  if (error != 0) return refused(group, error);
  return ClosingSegments{std::move(*socket)};
}

NetlinkBatch::Drained ClosingSegments::receive(unsigned budget,
                                               const std::function<void(const TcpClosing&)>& each) {
  return batch_.drain(socket_, budget, [&](std::span<const std::uint8_t> datagram) {
    NetlinkMessages messages{datagram};
    nlmsghdr header{};
    std::span<const std::uint8_t> message;
    while (messages.next(header, message)) {
      if (const auto seen = decode_segment(message)) each(*seen);
    }
  });
}

}  // namespace tollgate
