// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/ruleset_watch.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "linux/netlink_reader.hpp"
#include "linux/netlink_socket.hpp"

namespace tollgate {
namespace {

constexpr std::uint16_t kNewGeneration = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN;
constexpr std::size_t kBuffer = 65'536;

class NftablesWatch final : public RulesetWatch {
 public:
  explicit NftablesWatch(NetlinkSocket socket) : socket_{std::move(socket)}, buffer_(kBuffer) {}
  int fd() const override { return socket_.fd(); }

  bool changed() override {
    bool any = false;
    for (;;) {
      const NetlinkSocket::Received received = socket_.receive(buffer_);
      switch (received.read) {
        case NetlinkSocket::Read::datagram:
          any = has_new_generation(received.bytes) || any;
          break;
        case NetlinkSocket::Read::overrun:
        case NetlinkSocket::Read::ignored:
          any = true;
          break;
        case NetlinkSocket::Read::empty:
        case NetlinkSocket::Read::failed:
          return any;
      }
    }
  }

 private:
  static bool has_new_generation(std::span<const std::uint8_t> datagram) {
    NetlinkMessages messages{datagram};
    nlmsghdr header{};
    std::span<const std::uint8_t> message;
    bool found = false;
    while (messages.next(header, message)) found = found || header.nlmsg_type == kNewGeneration;
    return found;
  }

  NetlinkSocket socket_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace

Result<std::unique_ptr<RulesetWatch>, std::string> RulesetWatch::open() {
  Result<NetlinkSocket, std::string> socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket.ok()) return socket.error();
  if (!socket->join(NFNLGRP_NFTABLES)) return "changes of nf_tables cannot be watched: " + error_text(errno);
  return std::unique_ptr<RulesetWatch>{std::make_unique<NftablesWatch>(std::move(*socket))};
}

}  // namespace tollgate
