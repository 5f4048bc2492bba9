// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "linux/netlink_batch.hpp"
#include "linux/netlink_socket.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/engine/event.hpp"

namespace tollgate {

// Copies of the segments that end TCP connections, which the rules hand over (NFLOG,
// linux/netfilter/nfnetlink_log.h). Conntrack would tell the same, and would write a message for each of
// the six changes that every connection goes through, on the packets' own way. The kernel gathers copies
// for some 20 ms, or a datagram full of them.
class ClosingSegments {
 public:
  // Errors: another program has the group; no CAP_NET_ADMIN; the kernel has no NFLOG.
  static Result<ClosingSegments, std::string> open(std::uint16_t nflog_group);

  int fd() const { return socket_.fd(); }  // non-blocking
  // At most `budget` datagrams, some 80 segments each. Never waits.
  NetlinkBatch::Drained receive(unsigned budget, const std::function<void(const TcpClosing&)>& each);

 private:
  explicit ClosingSegments(NetlinkSocket socket);
  NetlinkSocket socket_;
  NetlinkBatch batch_;
};

}  // namespace tollgate
