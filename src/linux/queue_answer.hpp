// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "tollgate/config/config.hpp"
#include "tollgate/engine/effect.hpp"

namespace tollgate {

// What the kernel is told about one packet (linux/netfilter.h; NFQNL_MSG_VERDICT).
struct QueueAnswer {
  bool accept = true;                        // NF_ACCEPT, else NF_DROP
  std::optional<std::uint32_t> packet_mark;  // NFQA_MARK: the whole mark, only when it changes
  std::optional<std::uint32_t> ct_mark;      // NFQA_CT: our field of the ct mark, in place
  friend bool operator==(const QueueAnswer&, const QueueAnswer&) = default;
};

// `path` is conntrack or packet; `own_mark` the packet's mark as it came. An accepted packet goes on
// to our rules of filter priority, and those refuse or drop it by its mark: the kernel has no
// verdict for "refuse", and dropping here would lose a mark that rides on the packet.
QueueAnswer queue_answer(const PacketVerdict& verdict, MarkPath path, std::uint32_t mark_mask,
                         std::uint32_t own_mark);

// For a packet that conntrack does not track: there is no mark to write, no rule that would see it, and
// nothing to reroute it by. It gets the same verdict for itself alone; what was to be rerouted is refused.
PacketVerdict without_entry(PacketVerdict verdict);

// The field's value for a mark: shifted to the lowest bit of the mask.
std::uint32_t mark_bits(FlowMark mark, std::uint32_t mark_mask);

}  // namespace tollgate
