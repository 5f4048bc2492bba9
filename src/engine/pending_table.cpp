// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/engine/pending_table.hpp"

#include <utility>

namespace tollgate {

Holding PendingTable::hold(FlowIndex flow, const HeldPacket& packet, Time now) {
  const auto found = flows_.find(flow);
  if (found != flows_.end()) {
    for (const HeldPacket& held : found->second.packets) {
      const bool segment = packet.tcp_flags != 0;
      if (segment && held.tcp_flags == packet.tcp_flags && held.tcp_sequence == packet.tcp_sequence) {
        return Holding::folded;
      }
    }
    if (found->second.packets.size() >= limits_.max_packets_per_flow) return Holding::full;
  }
  if (packets_ >= limits_.max_packets) return Holding::full;
  Waiting& waiting = found != flows_.end() ? found->second : flows_[flow];
  if (waiting.packets.empty()) {
    waiting.order = ++last_order_;
    deadlines_.emplace(waiting.order, Deadline{now + limits_.deadline, flow});
  }
  waiting.packets.push_back(packet);
  ++packets_;
  return Holding::held;
}

std::vector<HeldPacket> PendingTable::release(FlowIndex flow) {
  const auto found = flows_.find(flow);
  if (found == flows_.end()) return {};
  std::vector<HeldPacket> packets = std::move(found->second.packets);
  packets_ -= static_cast<std::uint32_t>(packets.size());
  deadlines_.erase(found->second.order);
  flows_.erase(found);
  return packets;
}

std::optional<Time> PendingTable::next_deadline() const {
  return deadlines_.empty() ? std::nullopt : std::optional{deadlines_.begin()->second.when};
}

std::optional<FlowIndex> PendingTable::overdue(Time now) const {
  if (deadlines_.empty() || deadlines_.begin()->second.when > now) return std::nullopt;
  return deadlines_.begin()->second.flow;
}

std::optional<FlowIndex> PendingTable::oldest() const {
  return deadlines_.empty() ? std::nullopt : std::optional{deadlines_.begin()->second.flow};
}

}  // namespace tollgate
