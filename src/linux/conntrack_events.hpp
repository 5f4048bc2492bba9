// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "linux/conntrack_message.hpp"
#include "linux/netlink_batch.hpp"
#include "linux/netlink_socket.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/config/config.hpp"

namespace tollgate {

struct ConntrackEventOptions {
  std::uint32_t mark_mask = 0x0f000000;
  LoopbackHandling loopback = LoopbackHandling::decide;  // exempt: nothing from loopback addresses
  bool icmp = false;                                     // ICMP has flows
  // TCP that is over. The kernel then writes a message for each change of each connection, on the way of
  // the packet that changes it: nobody who has ClosingSegments wants that.
  bool tcp_ends = true;
};

// What conntrack tells on its own (linux/netfilter/nfnetlink_conntrack.h): entries that are gone; where
// that is wanted, TCP connections that carry a verdict and are over. Everything else stays in the kernel,
// by a socket filter: a message that nobody reads costs its making, but wakes nobody.
class ConntrackEvents {
 public:
  static Result<ConntrackEvents, std::string> open(const ConntrackEventOptions& options);

  int fd() const { return socket_.fd(); }  // non-blocking
  // False when the kernel refused the filter: then more comes than is needed, and no less.
  bool filtered() const { return filtered_; }

  // New entries that have a verdict from the start, too: of use while the kernel gives verdicts by
  // itself. Each one costs the kernel a message. errno when false.
  bool tell_new(bool on);

  // At most `budget` messages. Never waits. The direction of what comes is left to the caller.
  NetlinkBatch::Drained receive(unsigned budget, const std::function<void(const ConntrackChanged&)>& each);

 private:
  ConntrackEvents(NetlinkSocket socket, std::uint32_t mark_mask);
  NetlinkSocket socket_;
  NetlinkBatch batch_;
  std::uint32_t mark_mask_;
  bool filtered_ = false;
};

}  // namespace tollgate
