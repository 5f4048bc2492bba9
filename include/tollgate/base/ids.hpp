// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <compare>
#include <cstdint>

namespace tollgate {

// Names a flow for as long as the daemon runs; never used twice; 0 is no flow.
struct FlowId {
  std::uint64_t value = 0;
  friend auto operator<=>(FlowId, FlowId) = default;
};

// Names a packet that waits in the kernel: the queue's number and the id of nfqnl_msg_packet_hdr
// (linux/netfilter/nfnetlink_queue.h), unique per queue while the packet waits.
struct PacketId {
  std::uint16_t queue = 0;
  std::uint32_t id = 0;
  friend auto operator<=>(PacketId, PacketId) = default;
};

// Counts the policies that were in force since start; the first is 1.
struct Generation {
  std::uint32_t value = 0;
  friend auto operator<=>(Generation, Generation) = default;
};

}  // namespace tollgate
