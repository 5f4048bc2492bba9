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

inline constexpr std::uint32_t kNoOwner = 0xffffffff;  // (uid_t)-1: nobody's
inline constexpr std::uint32_t kNoRule = 0xffffffff;
inline constexpr std::uint16_t kNoInterface = 0xffff;

// One connection (DESIGN.md §1, §3). A value: the table owns identity and order.
struct Flow {
  FlowId id;
  FiveTuple tuple;  // in the direction of the first packet
  Direction direction = Direction::outbound;
  Verdict verdict = Verdict::accept;  // meaningful unless pending
  Stage stage = Stage::none;
  Reason reason = Reason::rule;
  FlowState state = FlowState::pending;
  std::uint8_t closing = 0;                // FIN seen: bit 0 from the source, bit 1 from the destination
  bool adopted = false;                    // was there before the daemon
  bool picked_up = false;                  // first seen in its middle: too late for nat to reroute it
  std::uint16_t interface = kNoInterface;  // the engine's interface names
  std::uint32_t rule = kNoRule;            // the engine's rule names
  Generation generation;                   // of the policy that gave the verdict
  std::uint32_t uid = kNoOwner;
  std::uint32_t gid = kNoOwner;
  std::uint32_t tcp_sequence = 0;  // of the first SYN: tells a retransmission from a new flow
  Time first_seen{};
  Time last_active{};
  Time ended{};               // meaningful when ended
  std::uint64_t packets = 0;  // that came up, and what conntrack counted at the end
  std::uint64_t bytes = 0;

  // The table's own.
  FlowIndex previous = kNoFlow;
  FlowIndex next = kNoFlow;
};

}  // namespace tollgate
