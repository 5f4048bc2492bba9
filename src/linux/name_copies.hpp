// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "linux/netlink_batch.hpp"
#include "linux/netlink_socket.hpp"
#include "tollgate/base/result.hpp"

namespace tollgate {

// Copies of DNS, mDNS and LLMNR messages that the kernel carries, which the rules hand over (NFLOG). A
// copy can be taken before its packet goes on: who reads them before it decides about a packet knows
// every answer that the packet's program had.
class NameCopies {
 public:
  // Errors: another program has the group; no CAP_NET_ADMIN; the kernel has no NFLOG.
  static Result<NameCopies, std::string> open(std::uint16_t nflog_group);

  int fd() const { return socket_.fd(); }  // non-blocking
  // At most `budget` packets, each from its IP header on. Never waits.
  NetlinkBatch::Drained receive(unsigned budget,
                                const std::function<void(std::span<const std::uint8_t>)>& each);

 private:
  explicit NameCopies(NetlinkSocket socket);
  NetlinkSocket socket_;
  NetlinkBatch batch_;
};

}  // namespace tollgate
