// SPDX-License-Identifier: GPL-2.0-or-later
#include "closing_segments.hpp"

#include "linux/nflog.hpp"
#include "netlink_reader.hpp"
#include "segment_message.hpp"
#include "tollgate/ruleset/queue_layout.hpp"

namespace tollgate {
namespace {

constexpr unsigned kBatch = 8;
constexpr std::uint32_t kDatagram = 16 * 1024;
// The kernel sends what does not fit by itself: a segment has at most some 500 bytes with all about it.
constexpr std::size_t kRoom = kDatagram + 4096;
constexpr std::uint32_t kSocketBuffer = 4 << 20;
constexpr std::uint32_t kTimeout = 2;
constexpr std::uint32_t kTogether = 1'000;  // more than fit: the datagram is the bound

}  // namespace

ClosingSegments::ClosingSegments(NetlinkSocket socket) : socket_{std::move(socket)}, batch_{kBatch, kRoom} {}

Result<ClosingSegments, std::string> ClosingSegments::open(std::uint16_t nflog_group) {
  Result<NetlinkSocket, std::string> socket =
      open_nflog({ends_group(nflog_group), kSegmentCopy, kDatagram, kTogether, kTimeout, kSocketBuffer,
                  "set tcp_ends = \"conntrack\" in [flow]"});
  if (!socket) return socket.error();
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
