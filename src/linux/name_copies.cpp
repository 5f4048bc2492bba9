// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/name_copies.hpp"

#include "linux/nflog.hpp"
#include "netlink_reader.hpp"
#include "tollgate/ruleset/queue_layout.hpp"

namespace tollgate {
namespace {

constexpr unsigned kBatch = 8;
// The kernel asks for so much memory at each copy, and more only for a longer packet.
constexpr std::uint32_t kDatagram = 1024;
constexpr std::size_t kRoom = kNameCopy + 1024;  // with all that is told about it
constexpr std::uint32_t kSocketBuffer = 4 << 20;

}  // namespace

NameCopies::NameCopies(NetlinkSocket socket) : socket_{std::move(socket)}, batch_{kBatch, kRoom} {}

Result<NameCopies, std::string> NameCopies::open(std::uint16_t nflog_group) {
  // One copy a message, which is sent at once.
  Result<NetlinkSocket, std::string> socket = open_nflog(
      {names_group(nflog_group), kNameCopy, kDatagram, 1, 1, kSocketBuffer, "set dns = false in [names]"});
  if (!socket) return socket.error();
  return NameCopies{std::move(*socket)};
}

NetlinkBatch::Drained NameCopies::receive(unsigned budget,
                                          const std::function<void(std::span<const std::uint8_t>)>& each) {
  return batch_.drain(socket_, budget, [&](std::span<const std::uint8_t> datagram) {
    NetlinkMessages messages{datagram};
    nlmsghdr header{};
    std::span<const std::uint8_t> message;
    while (messages.next(header, message)) {
      if (const auto copy = decode_copy(message)) each(*copy);
    }
  });
}

}  // namespace tollgate
