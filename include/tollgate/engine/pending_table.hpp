// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "tollgate/base/ids.hpp"
#include "tollgate/base/time.hpp"
#include "tollgate/flow/flow.hpp"

namespace tollgate {

struct PendingLimits {
  // The kernel looks verdicts up in a list, O(n) in what waits (KERNEL.md, Queue): keep it short.
  std::uint32_t max_packets = 1024;  // that wait, in all
  std::uint32_t max_packets_per_flow = 4;
  Duration deadline = std::chrono::seconds{15};
};

// A packet that waits in the kernel for its flow's decision, and what tells its retransmission.
struct HeldPacket {
  PacketId id;
  bool foreign_mark = false;
  std::uint8_t tcp_flags = 0;
  std::uint32_t tcp_sequence = 0;
};

enum class Holding : std::uint8_t {
  held,
  folded,  // the same TCP segment waits already: the new one is to be dropped
  full,    // a bound is reached, of the flow or of all
};

// The packets that wait for decisions, by flow, each flow with one deadline: that of its first.
class PendingTable {
 public:
  explicit PendingTable(const PendingLimits& limits) : limits_{limits} {}

  // A flow that is not here yet begins to wait, until now + limits.deadline.
  Holding hold(FlowIndex flow, const HeldPacket& packet, Time now);
  bool waits(FlowIndex flow) const { return flows_.contains(flow); }
  // What waited for this flow, in order of arrival; the flow waits no more.
  std::vector<HeldPacket> release(FlowIndex flow);

  std::optional<Time> next_deadline() const;
  // A flow whose deadline has passed, still waiting; nullopt when there is none.
  std::optional<FlowIndex> overdue(Time now) const;
  // The one that waits longest.
  std::optional<FlowIndex> oldest() const;

  std::uint32_t flows() const { return static_cast<std::uint32_t>(flows_.size()); }
  std::uint32_t packets() const { return packets_; }

 private:
  struct Waiting {
    std::uint64_t order = 0;
    std::vector<HeldPacket> packets;
  };
  struct Deadline {
    Time when;
    FlowIndex flow;
  };

  PendingLimits limits_;
  std::uint32_t packets_ = 0;
  std::uint64_t last_order_ = 0;
  boost::unordered_flat_map<FlowIndex, Waiting> flows_;
  // All deadlines are equally far away, so they stand in order of arrival.
  std::map<std::uint64_t, Deadline> deadlines_;
};

}  // namespace tollgate
