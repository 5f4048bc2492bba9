// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/nflog.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>

#include <array>
#include <cerrno>
#include <vector>

#include "netlink_reader.hpp"

namespace tollgate {
namespace {

constexpr std::uint16_t kPacket = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET;
constexpr std::uint32_t kAnswer = 4096;

// Everything in one message; the kernel binds first.
int bind(NetlinkSocket& socket, const NflogOptions& options) {
  alignas(8) std::array<char, 256> out{};
  nlmsghdr* const message = mnl_nlmsg_put_header(out.data());
  message->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  auto* const family = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
  family->nfgen_family = AF_UNSPEC;
  family->version = NFNETLINK_V0;
  family->res_id = htons(options.group);
  const nfulnl_msg_config_cmd command{NFULNL_CFG_CMD_BIND};
  mnl_attr_put(message, NFULA_CFG_CMD, sizeof command, &command);
  nfulnl_msg_config_mode mode{};
  mode.copy_range = htonl(options.copy);
  mode.copy_mode = NFULNL_COPY_PACKET;
  mnl_attr_put(message, NFULA_CFG_MODE, sizeof mode, &mode);
  mnl_attr_put_u32(message, NFULA_CFG_TIMEOUT, htonl(options.timeout));
  mnl_attr_put_u32(message, NFULA_CFG_NLBUFSIZ, htonl(options.datagram));
  mnl_attr_put_u32(message, NFULA_CFG_QTHRESH, htonl(options.together));
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(message);
  // Copies may stand in front of the answer, of rules from before us.
  std::vector<std::uint8_t> buffer(options.datagram + options.copy + kAnswer);
  return socket.ask({bytes, message->nlmsg_len}, buffer, [](std::span<const std::uint8_t>) {});
}

std::string refused(const NflogOptions& options, int error) {
  const std::string bind = "cannot bind NFLOG group " + std::to_string(options.group) + ": ";
  if (error == EBUSY) {
    return bind + "another program is bound to it; stop it or set [queue] nflog_group";
  }
  if (error == EPERM) return bind + "CAP_NET_ADMIN is needed";
  if (error == EINVAL || error == EOPNOTSUPP) {
    return bind + "this kernel has no NFLOG (nfnetlink_log); " + std::string{options.instead};
  }
  return bind + error_text(error);
}

}  // namespace

Result<NetlinkSocket, std::string> open_nflog(const NflogOptions& options) {
  Result<NetlinkSocket, std::string> socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) return socket.error();
  socket->set_receive_buffer(options.socket_buffer);
  int error = bind(*socket, options);
  if (error == EAGAIN) error = bind(*socket, options);  // the kernel has just loaded the module
  if (error != 0) return refused(options, error);
  return socket;
}

std::optional<std::span<const std::uint8_t>> decode_copy(std::span<const std::uint8_t> message) {
  Reader in{message};
  nlmsghdr header{};
  nfgenmsg family{};
  if (!read_struct(in, header) || header.nlmsg_type != kPacket || !read_struct(in, family))
    return std::nullopt;
  NetlinkAttributes attributes{in};
  std::uint16_t type = 0;
  Reader value;
  while (attributes.next(type, value)) {
    if (type == NFULA_PAYLOAD) return value.rest();
  }
  return std::nullopt;
}

}  // namespace tollgate
