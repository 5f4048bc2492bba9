// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack_dump.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "netlink_reader.hpp"

namespace tollgate {
namespace {
// The kernel makes parts as long as the longest read so far, 32 KiB at the most.
constexpr std::size_t kPart = 32 * 1024;
}  // namespace

ConntrackDump::ConntrackDump(NetlinkSocket socket, std::uint32_t mark_mask)
    : socket_{std::move(socket)}, mark_mask_{mark_mask}, in_(kPart) {}

Result<ConntrackDump, std::string> ConntrackDump::open(std::uint32_t mark_mask) {
  Result<NetlinkSocket, std::string> socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) return socket.error();
  alignas(8) std::array<char, 64> bytes{};
  const nlmsghdr* const request =
      put_conntrack_request(bytes.data(), IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
  const int error = socket->send({reinterpret_cast<const std::uint8_t*>(request), request->nlmsg_len});
  if (error != 0) return "reading the conntrack table: " + error_text(error);
  return ConntrackDump{std::move(*socket), mark_mask};
}

ConntrackDump::Progress ConntrackDump::fail(int error) {
  error_ = "reading the conntrack table: " + error_text(error);
  return Progress::failed;
}

ConntrackDump::Progress ConntrackDump::receive(const std::function<void(const ConntrackEntry&)>& each) {
  const NetlinkSocket::Received received = socket_.receive(in_);
  switch (received.read) {
    case NetlinkSocket::Read::datagram:
      break;
    case NetlinkSocket::Read::ignored:
      return Progress::going_on;
    case NetlinkSocket::Read::empty:
      return fail(ENODATA);  // the next part is made when one is read: there always is one
    case NetlinkSocket::Read::overrun:
      return fail(ENOBUFS);
    case NetlinkSocket::Read::failed:
      return fail(EIO);
  }
  NetlinkMessages messages{received.bytes};
  nlmsghdr header{};
  std::span<const std::uint8_t> message;
  while (messages.next(header, message)) {
    if (header.nlmsg_type == NLMSG_DONE) return Progress::done;
    if (header.nlmsg_type == NLMSG_ERROR) return fail(netlink_error(message));
    if (const auto decoded = decode_conntrack(message)) each(entry_of(decoded->attributes, mark_mask_));
  }
  return Progress::going_on;
}

}  // namespace tollgate
