// SPDX-License-Identifier: GPL-2.0-or-later
#include "segment_message.hpp"

#include "linux/nflog.hpp"
#include "tollgate/wire/packet.hpp"

namespace tollgate {
namespace {

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
  const auto copy = decode_copy(message);
  return copy ? closing_of(*copy) : std::nullopt;
}

}  // namespace tollgate
