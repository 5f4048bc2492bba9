// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tollgate/engine/engine.hpp"

namespace tollgate {

// Bounds of what flows refer to by number. A machine has tens of interfaces and thousands of rules;
// past the bound a flow just does not say which it was.
inline constexpr std::uint32_t kMaxInterfaceNames = 4096;
inline constexpr std::uint32_t kMaxRuleNames = 1'000'000;
// Programs that have names of their own; those past it share the machine's.
inline constexpr std::uint32_t kMaxProgramNames = 16'384;

// One queued packet as far as it can be read without knowing anything else.
struct Engine::Arrival {
  explicit Arrival(const PacketQueued& from);

  const PacketQueued& queued;
  Parsed<Packet> packet;
  FiveTuple tuple;      // of the flow: turned round when the packet travels against it
  Direction direction;  // of the flow, if this were its first packet
  FlowKey key;          // of `tuple`, or of what an ICMP error speaks of
};

// The end of a socket and the first packet of the next one come by different ways, and in either order:
// for so long the tuple alone does not tell whose end it is.
inline constexpr Duration kRace = std::chrono::seconds{1};

// The former entry of a flow that took over the tuple of one whose entry we never learnt.
inline constexpr std::uint32_t kSomeFormer = 0xffffffff;

// What takes long is done in slices of so many flows, one at each TimePassed: a few milliseconds.
inline constexpr std::uint32_t kFlowsPerSlice = 2048;

// One packet that could be read, on its way through the engine.
struct Engine::Context {
  const PacketQueued& queued;
  const Packet& packet;
  const FiveTuple& tuple;
  const FlowKey& key;
  Direction direction;
  Time now;
  Effects& effects;

  HeldPacket held() const { return {queued.id, queued.foreign_mark, packet.tcp_flags, packet.tcp_sequence}; }
};

// NAT is for the first packet of a connection: this one would have to begin anew. Programs that speak
// UDP do not even notice; TCP connections have to end.
inline bool needs_other_nat(const Flow& flow, Verdict verdict) {
  return flow.carried && flow.state != FlowState::pending && flow.verdict != verdict && lets_pass(verdict) &&
         lets_pass(flow.verdict) && (is_reroute(verdict) || is_reroute(flow.verdict));
}

// A verdict for one packet of what has no flow: the permanent ones last for this packet only, and
// there is no connection to reroute.
inline Verdict temporary(Verdict verdict) {
  switch (verdict) {
    case Verdict::permanent_accept:
      return Verdict::accept;
    case Verdict::permanent_block:
    case Verdict::reroute_nameserver:
    case Verdict::reroute_tunnel:
      return Verdict::block;
    case Verdict::permanent_drop:
      return Verdict::drop;
    case Verdict::accept:
    case Verdict::block:
    case Verdict::drop:
    case Verdict::count_:
      break;
  }
  return verdict;
}

}  // namespace tollgate
