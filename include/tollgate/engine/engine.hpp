// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tollgate/base/counters.hpp"
#include "tollgate/base/time.hpp"
#include "tollgate/engine/decide.hpp"
#include "tollgate/engine/effect.hpp"
#include "tollgate/engine/event.hpp"
#include "tollgate/engine/name_table.hpp"
#include "tollgate/engine/pending_table.hpp"
#include "tollgate/flow/flow_table.hpp"
#include "tollgate/wire/packet.hpp"

namespace tollgate {

struct EngineOptions {
  FlowLimits flows;
  PendingLimits pending;
  Verdict unparsed = Verdict::drop;      // temporary
  Verdict on_deadline = Verdict::block;  // temporary
  Verdict on_overload = Verdict::drop;   // temporary
  // Which reroutes have somewhere to go, by family. A flow that cannot be rerouted is blocked.
  bool nameserver4 = false, nameserver6 = false, tunnel4 = false, tunnel6 = false;
};

struct EngineCounters {
  std::uint64_t packets = 0;           // that were queued
  EnumCounters<Verdict> verdicts;      // one for each packet, when it is given
  EnumCounters<Reason> reasons;        // the same packets by reason
  EnumCounters<ParseError> malformed;  // by reason
  std::uint64_t opened = 0;            // flows
  std::uint64_t evicted = 0;
  std::uint64_t reroute_refused = 0;  // a reroute that had nowhere to go
};

// The gate: events in, effects out. Reads no clock and does no I/O, so that replay, the scenarios,
// the fuzzers and the daemon run the same code. Not thread-safe; `now` must not go backwards.
class Engine {
 public:
  // How a decision is made; tests put their own in place to answer later.
  using Decide = std::function<Decision(const Policy&, const Evidence&)>;

  // `memory` is where the flows live; it must outlive the engine.
  Engine(const EngineOptions& options, PolicyPointer policy, Decide decide = &tollgate::decide,
         std::pmr::memory_resource* memory = std::pmr::get_default_resource());

  void handle(const Event& event, Time now, Effects& effects);
  // Packets that came together, with the same effects as one after another. Under load it costs a
  // fraction: what their look-ups wait for in main memory is fetched side by side.
  void handle(std::span<const PacketQueued> packets, Time now, Effects& effects);
  // When TimePassed next has something to do; nullopt: not before another event.
  std::optional<Time> next_deadline() const;

  // Without it `Effects::changes` stays empty.
  void watch_changes(bool on) { watched_ = on; }

  const Policy& policy() const { return *policy_; }
  PolicyPointer policy_pointer() const { return policy_; }
  Generation generation() const { return generation_; }
  const FlowTable& flows() const { return flows_; }
  const EngineCounters& counters() const { return counters_; }
  std::uint32_t pending_flows() const { return pending_.flows(); }
  std::uint32_t pending_packets() const { return pending_.packets(); }
  // Of flows: "" for kNoInterface, kNoRule.
  const std::string& interface_name(std::uint16_t index) const {
    return interfaces_.name(index == kNoInterface ? NameTable::kNone : index);
  }
  const std::string& rule_name(std::uint32_t index) const { return rules_.name(index); }

 private:
  struct Arrival;  // one queued packet, read
  struct Context;  // of one queued packet

  void on(const PacketQueued& queued, Time now, Effects& effects);
  void on(const Arrival& arrival, Time now, Effects& effects);
  void on(const ConntrackChanged& change, Time now, Effects& effects);
  void on(const FlowAdopted& adopted, Time now, Effects& effects);
  void on(const PolicyReplaced& replaced, Time now, Effects& effects);
  void on(const AnswerGiven& answer, Time now, Effects& effects);
  void on(const Stopping& stopping, Time now, Effects& effects);
  void on(const TimePassed& passed, Time now, Effects& effects);

  // The way of a packet, in engine_packet.cpp.
  void on_unparsed(const PacketQueued& queued, ParseError error, Time now, Effects& effects);
  void on_icmp_error(const Context& context);
  void on_single_packet(const Context& context);
  void on_flow_packet(const Context& context);
  bool is_successor(const Context& context, const Flow& flow) const;
  FlowIndex open_flow(const FiveTuple& tuple, const FlowKey& key, Direction direction, Time now,
                      Effects& effects);
  void decide_flow(const Context& context, FlowIndex index);
  void hold(const Context& context, FlowIndex index);
  void follow_tcp(const Context& context, FlowIndex index);

  // What becomes of a decision, in engine.cpp.
  void settle(Flow& flow, const Decided& decided, Time now, Effects& effects);
  void release(FlowIndex index, const Decided& decided, Time now, Effects& effects);
  void give(const HeldPacket& packet, const FiveTuple& tuple, Verdict verdict, Reason reason,
            Effects& effects);
  void remove(const Flow& flow, FlowIndex index, Removal why, Effects& effects);
  bool deliverable(Verdict verdict, const Flow& flow) const;
  Evidence evidence(const Flow& flow) const;
  std::uint32_t rule_number(std::uint32_t policy_rule);
  void changed(FlowChanged::Kind kind, const Flow& flow, Effects& effects) const;
  void record(const Flow& flow, Time now, Effects& effects) const;

  EngineOptions options_;
  PolicyPointer policy_;
  Decide decide_;
  Generation generation_{1};
  FlowTable flows_;
  PendingTable pending_;
  NameTable interfaces_;
  NameTable rules_;
  std::vector<std::uint32_t> rule_numbers_;  // of the policy's rules, kNoRule until first needed
  EngineCounters counters_;
  bool watched_ = false;
};

}  // namespace tollgate
