// SPDX-License-Identifier: GPL-2.0-or-later
#include "segment_message.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>

#include "netlink_reader.hpp"
#include "tollgate/wire/packet.hpp"

namespace tollgate {
namespace {

constexpr std::uint16_t kPacket = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET;
constexpr std::size_t kLongestPacket = 0xffff;

std::optional<TcpClosing> closing_of(std::span<const std::uint8_t> bytes) {
  // How much of the packet this is nobody says: what is missing was cut off.
  const auto packet = parse_packet(bytes, kLongestPacket);
  if (!packet.ok() || packet->endpoints.protocol != Protocol::tcp || packet->fragment == Fragment::later)
    return std::nullopt;
  if ((packet->tcp_flags & (tcp_flag::fin | tcp_flag::rst)) == 0) return std::nullopt;
  return TcpClosing{FiveTuple::of(packet->endpoints), (packet->tcp_flags & tcp_flag::rst) != 0};
}

}  // namespace

std::optional<TcpClosing> decode_segment(std::span<const std::uint8_t> message) {
  Reader in{message};
  nlmsghdr header{};
  nfgenmsg family{};
  if (!read_struct(in, header) || header.nlmsg_type != kPacket || !read_struct(in, family))
    return std::nullopt;
  NetlinkAttributes attributes{in};
  std::uint16_t type = 0;
  Reader value;
  while (attributes.next(type, value)) {
    if (type == NFULA_PAYLOAD) return closing_of(value.rest());
  }
  return std::nullopt;
}

}  // namespace tollgate
