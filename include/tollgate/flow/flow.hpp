// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string_view>

#include "tollgate/base/ids.hpp"
#include "tollgate/base/time.hpp"
#include "tollgate/flow/five_tuple.hpp"
#include "tollgate/flow/verdict.hpp"

namespace tollgate {

enum class FlowState : std::uint8_t {
  pending,     // its first packet waits for a decision
  inspecting,  // accepted so far, every packet comes up
  active,
  ended,  // its endpoint is gone; removed when the linger time is over
};
std::string_view to_string(FlowState state);

// Place of a flow in its table; stays while the flow is there, is used again afterwards.
using FlowIndex = std::uint32_t;
inline constexpr FlowIndex kNoFlow = 0xffffffff;

// A flow by its place, and the id that tells whether it is still the one that stands there: how
// whoever asks about a flow finds it again at the answer, in O(1).
struct FlowRef {
  FlowIndex place = kNoFlow;
  FlowId id;
  friend bool operator==(const FlowRef&, const FlowRef&) = default;
};

inline constexpr std::uint32_t kNoOwner = 0xffffffff;  // (uid_t)-1: nobody's
inline constexpr std::uint32_t kNoRule = 0xffffffff;
inline constexpr std::uint16_t kNoInterface = 0xffff;

// One connection (DESIGN.md §1, §3). A value: the table owns identity and order. Two cache lines: what
// a packet needs. What only the ends and the reauthorization of a flow need stands in FlowDetail.
struct Flow {
  FlowId id;
  FiveTuple tuple;  // in the direction of the first packet
  Direction direction = Direction::outbound;
  Verdict verdict = Verdict::accept;  // meaningful unless pending
  Stage stage = Stage::none;
  Reason reason = Reason::rule;
  FlowState state = FlowState::pending;
  std::uint8_t closing : 2 = 0;            // FIN seen: bit 0 from the source, bit 1 from the destination
  bool disputed : 1 = false;               // of TCP: another connection had the tuple a moment before
  bool adopted = false;                    // was there before the daemon
  bool picked_up = false;                  // first seen in its middle: too late for nat to reroute it
  std::uint16_t interface = kNoInterface;  // the engine's interface names
  std::uint32_t rule = kNoRule;            // the engine's rule names
  Generation generation;                   // of the policy that gave the verdict
  std::uint32_t uid = kNoOwner;
  std::uint32_t gid = kNoOwner;
  std::uint32_t tcp_sequence = 0;  // of the first SYN: tells a retransmission from a new flow
  Cause due = Cause::none;         // its next packet is decided again, whatever its verdict
  bool carried = false;            // as far as we know conntrack has an entry for it
  bool question = false;           // a reauthorization met `ask` or missing evidence; the answer may come
  bool asked = false;              // the table's own: conntrack is asked whether it is idle
  Time first_seen{};
  Time last_active{};
  Time ended{};               // meaningful when ended
  std::uint64_t packets = 0;  // that came up, and what conntrack counted at the end
  std::uint64_t bytes = 0;

  // The table's own.
  FlowIndex previous = kNoFlow;
  FlowIndex next = kNoFlow;
};

// The rest of a flow, in an array beside the flows (FlowTable::detail): no packet's way leads here.
struct FlowDetail {
  std::uint64_t socket = 0;  // cookie of its local socket (sock_diag(7)); 0: not known
  std::uint32_t entry = 0;   // id of its conntrack entry (CTA_ID); 0: not known
  std::uint32_t former = 0;  // the same of the flow that had this tuple before it; 0: none known
  // What conntrack said last that every packet changes: its count of them (the lower bits) or, without
  // accounting, when it would forget the entry, in Unix seconds. 0: unheard.
  std::uint32_t activity = 0;
  std::uint16_t inspected = 0;            // packets that came up until its first bytes had told; 0: not asked
  std::uint16_t round = 0;                // the last reading of conntrack's table that saw it
  Cause cause = Cause::none;              // of the last decision, when it was not the first
  Verdict old_verdict = Verdict::accept;  // before it; meaningful with a cause

  // The table's own: the UDP flows of one local port.
  FlowIndex port_previous = kNoFlow;
  FlowIndex port_next = kNoFlow;
};

}  // namespace tollgate
