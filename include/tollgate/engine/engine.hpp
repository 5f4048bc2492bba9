// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
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
#include "tollgate/config/config.hpp"
#include "tollgate/engine/answer_windows.hpp"
#include "tollgate/engine/authorized_sockets.hpp"
#include "tollgate/engine/decide.hpp"
#include "tollgate/engine/effect.hpp"
#include "tollgate/engine/event.hpp"
#include "tollgate/engine/flow_owners.hpp"
#include "tollgate/engine/name_table.hpp"
#include "tollgate/engine/observer.hpp"
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
  bool probes = true;  // somebody answers ProbeFlow; where nobody does idle flows just go (replay)
  FlowHandling icmp = FlowHandling::packet;
  IcmpErrors icmp_errors = IcmpErrors::follow;
  FlowHandling other = FlowHandling::packet;
  RelatedHandling related = RelatedHandling::inherit;
  ArrivalInterface arrival_interface = ArrivalInterface::ignore;
  MulticastAnswers multicast_answers = MulticastAnswers::window;
  Duration answer_window = std::chrono::seconds{3};
  AskAgain in_reauthorization = AskAgain::keep;
  // Every flow's owner is looked for, and rules that speak of it wait so long for the answer.
  bool attribution = false;
  Duration attribution_deadline = std::chrono::milliseconds{100};
  ObserverLimits observer;
  std::uint64_t seed = 0;  // keeps hashes secret from whom packets come from: see SeededHash
};

struct EngineCounters {
  std::uint64_t packets = 0;           // that were queued
  EnumCounters<Verdict> verdicts;      // one for each packet, when it is given
  EnumCounters<Reason> reasons;        // the same packets by reason
  EnumCounters<ParseError> malformed;  // by reason
  std::uint64_t opened = 0;            // flows
  std::uint64_t evicted = 0;
  std::uint64_t reroute_refused = 0;         // a reroute that had nowhere to go
  std::uint64_t adopted = 0;                 // flows that conntrack had and we did not
  std::uint64_t inspected = 0;               // flows that were accepted until their first bytes had told
  std::uint64_t owners_late = 0;             // of flows, not found in time
  std::uint64_t probed = 0;                  // idle flows that conntrack was asked about
  std::uint64_t resyncs = 0;                 // readings of conntrack's table, finished
  std::uint64_t healed = 0;                  // ct marks that a reading found to be other than they should
  std::uint64_t vanished = 0;                // flows that a reading did not find any more
  EnumCounters<Cause> reauthorized;          // flows decided again, by cause; `none` stays 0
  EnumCounters<Cause> changed;               // of them, those whose verdict differs now
  std::uint64_t sockets_not_authorized = 0;  // past kMaxAuthorizedSockets
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

  // No event takes long: what concerns many flows is done in slices, and next_deadline() is in the
  // past until the last of them is done.
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
  const EngineOptions& options() const { return options_; }
  const EngineCounters& counters() const { return counters_; }
  std::uint32_t pending_flows() const { return pending_.flows(); }
  std::uint32_t pending_packets() const { return pending_.packets(); }
  // A new policy, or a reading of conntrack's table, has not yet been held against every flow.
  bool reauthorizing() const { return policy_walk_.has_value(); }
  bool resyncing() const { return resync_ || sweep_walk_.has_value(); }
  std::span<const AuthorizedSocket> authorized_sockets() const { return sockets_.all(); }
  std::size_t answer_windows() const { return windows_.size(); }
  // The mark that conntrack should hold for this flow.
  FlowMark kernel_mark(const Flow& flow) const;
  // Of flows: "" for kNoInterface, kNoRule.
  const std::string& interface_name(std::uint16_t index) const {
    return interfaces_.name(index == kNoInterface ? NameTable::kNone : index);
  }
  // Whose the flow at this place is.
  const FlowOwner& owner(FlowIndex index) const { return owners_.at(index); }
  // What those who watch are told of the flow at this place.
  FlowChanged change(FlowChanged::Kind kind, FlowIndex index) const;
  // Names and what flows say.
  const Observer& observer() const { return observer_; }
  const std::string& rule_name(std::uint32_t index) const { return rules_.name(index); }
  // How often this rule of the policy in force decided, also under the policies before in which a rule of
  // its name was.
  std::uint64_t rule_hits(std::uint32_t rule) const { return rule_hits_[rule]; }

 private:
  struct Arrival;  // one queued packet, read
  struct Context;  // of one queued packet

  void on(const PacketQueued& queued, Time now, Effects& effects);
  void on(const Arrival& arrival, Time now, Effects& effects);
  void on(const ConntrackChanged& change, Time now, Effects& effects);
  void on(const SocketGone& gone, Time now, Effects& effects);
  void on(const ProcessFound& found, Time now, Effects& effects);
  void on(const NamesCopied& copied, Time now, Effects& effects);
  void on(const TcpClosing& seen, Time now, Effects& effects);
  void on(const FlowProbed& probed, Time now, Effects& effects);
  void on(const ResyncBegan& began, Time now, Effects& effects);
  void on(const ConntrackSeen& seen, Time now, Effects& effects);
  void on(const ResyncEnded& ended, Time now, Effects& effects);
  void on(const PolicyReplaced& replaced, Time now, Effects& effects);
  void on(const AnswerGiven& answer, Time now, Effects& effects);
  void on(const FlowsRevoked& revoked, Time now, Effects& effects);
  void on(const FlowsKilled& killed, Time now, Effects& effects);
  void on(const BroadcastAddresses& addresses, Time now, Effects& effects);
  void on(const OwnFlow& own, Time now, Effects& effects);
  void on(const NameAsked& asked, Time now, Effects& effects);
  void on(const NameAnswered& answered, Time now, Effects& effects);
  void on(const Stopping& stopping, Time now, Effects& effects);
  void on(const TimePassed& passed, Time now, Effects& effects);

  // Whose a flow is, in engine_owner.cpp.
  void ask_owner(FlowIndex index, std::uint32_t arrival, std::optional<std::uint64_t> socket, Time now,
                 Effects& effects);
  void own(FlowIndex index, FlowOwner owner, Time now, Effects& effects);
  ProgramKey program_of(FlowIndex index);
  ProgramKey program_key(const ProcessPointer& process);
  void give_up_owners(Time now, Effects& effects);
  void tell(FlowIndex index, Record entry, Effects& effects);
  void tell_deferred(FlowIndex index, Effects& effects);

  // The way of a packet, in engine_packet.cpp.
  void on_unparsed(const PacketQueued& queued, ParseError error, Time now, Effects& effects);
  void on_icmp_error(const Context& context);
  void on_single_packet(const Context& context);
  void on_flow_packet(const Context& context);
  bool has_flow(Protocol protocol) const;
  bool is_successor(const Context& context, const Flow& flow) const;
  FlowIndex open_flow(const FiveTuple& tuple, const FlowKey& key, Direction direction, Time now,
                      Effects& effects);
  FlowIndex open_for(const Context& context, const FlowKey& key);
  void learn_entry(const Context& context, FlowIndex index);
  void learn_master(const Context& context, FlowIndex index);
  std::optional<Decided> inherited(FlowIndex index, Time now, Effects& effects);
  Cause why_again(const Context& context, const Flow& flow) const;
  void decide_flow(const Context& context, FlowIndex index, Cause cause);
  void answer(const Context& context, FlowIndex index, Reason reason);
  void answer_again(const Context& context, FlowIndex index, Verdict old, FlowMark held);
  void hold(const Context& context, FlowIndex index);
  void follow_tcp(const Context& context, FlowIndex index);

  // What becomes of a decision, in engine_decision.cpp.
  Decision decide_again(const Evidence& seen, Time now) const;
  void settle(FlowIndex index, const Decided& decided, Cause cause, Time now, Effects& effects);
  void release(FlowIndex index, const Decided& decided, Time now, Effects& effects);
  void give(const HeldPacket& packet, const Flow& flow, Verdict verdict, Reason reason, Effects& effects);
  void give_single(const HeldPacket& packet, Verdict verdict, Reason reason, Effects& effects);
  bool deliverable(Verdict verdict, const Flow& flow) const;
  Evidence evidence(FlowIndex index) const;
  std::uint32_t rule_number(std::uint32_t policy_rule);
  void count_hit(std::uint32_t policy_rule) {
    if (policy_rule != kNoRule) ++rule_hits_[policy_rule];
  }
  void changed(FlowChanged::Kind kind, FlowIndex index, Effects& effects) const;
  // What was in force before a decision.
  struct Before {
    Verdict verdict = Verdict::accept;
    std::uint32_t rule = kNoRule;
  };
  void record(FlowIndex index, Cause cause, std::optional<Before> old, Time now, Effects& effects);

  // Flows under inspection, in engine_inspection.cpp.
  static void show_first_bytes(const Flow& flow, const Observed* observed, Evidence& seen);
  void look_into(FlowIndex index, const Decided& decided, Effects& effects);
  void count_inspected(FlowIndex index, std::size_t packets);
  void give_up_inspection(FlowIndex index, Time now, Effects& effects);

  // The life of a flow, in engine_lifetime.cpp.
  FlowIndex find(const ConntrackEntry& entry) const;
  void learn_counts(Flow& flow, const ConntrackEntry& entry);
  static bool note_fin(Flow& flow, bool along);
  void learn(FlowIndex index, const ConntrackEntry& entry, Time now);
  void note_carried(FlowIndex index);
  void end(FlowIndex index, Time now, Effects& effects);
  void end_with_socket(FlowIndex index, const SocketGone& gone, Time now, Effects& effects);
  void end_socket(const SocketGone& gone, Time at, Time now, Effects& effects);
  bool probe(FlowIndex index, const Flow& flow, Effects& effects);
  void ask_conntrack(FlowIndex index, Effects& effects);
  void remove(const Flow& flow, FlowIndex index, Removal why, Effects& effects);
  FiveTuple entry_tuple(FlowIndex index) const;

  // Conntrack's table, in engine_resync.cpp.
  void hear_of(const ConntrackEntry& entry, Time now, Effects& effects);
  void adopt(const ConntrackSeen& found, Cause cause, Time now, Effects& effects);
  void compare(FlowIndex index, const ConntrackEntry& entry, Time now, Effects& effects);
  void sweep(Time now, Effects& effects);

  // Decisions taken back, in engine_reauthorize.cpp.
  struct Touched {
    Generation generation;  // of the policy that last touched the layer
    Cause cause = Cause::policy;
  };
  static std::size_t place_of(Family family) { return family == Family::ipv6 ? 1 : 0; }
  const Touched& touched(Direction direction, Family family) const {
    return layers_[static_cast<std::size_t>(direction)][place_of(family)];
  }
  bool is_stale(const Flow& flow) const { return flow.generation < since(flow.direction, flow.tuple.family); }
  Generation since(Direction direction, Family family) const { return touched(direction, family).generation; }
  Cause why_stale(const Flow& flow) const { return touched(flow.direction, flow.tuple.family).cause; }
  void carry_hits(const Policy& before);
  void reauthorize(FlowIndex index, Cause cause, Time now, Effects& effects);
  void reauthorize_slice(Time now, Effects& effects);
  void enforce(FlowIndex index, Verdict old, FlowMark old_mark, Time now, Effects& effects);
  static bool is_torn_down(const Flow& flow, Verdict old);
  void withdraw_sockets(Effects& effects);
  void authorize_socket(const Flow& flow, std::uint32_t policy_rule, Effects& effects);

  // Questions to the daemon's nameserver, in engine_question.cpp.
  void note_asker(FlowIndex index);
  void forget_asker(const Flow& flow);
  FlowIndex asker(const FiveTuple& from) const;
  Evidence evidence_of(const NameAsked& asked, FlowIndex flow) const;
  FirstMatch refused_by(const NameAnswered& answered, Evidence& seen) const;
  void tell_question(const NameAsked& asked, FlowIndex flow, Stage stage, FirstMatch refused, Time now,
                     Effects& effects);

  // Multicast, in engine_windows.cpp.
  bool opens_window(const Flow& flow) const;
  void open_window(const Flow& flow, Time now);
  bool in_window(const Evidence& seen, Time now) const;

  EngineOptions options_;
  PolicyPointer policy_;
  Decide decide_;
  Generation generation_{1};
  std::array<std::array<Touched, 2>, 3> layers_{};
  FlowTable flows_;
  PendingTable pending_;
  FlowOwners owners_;
  Observer observer_;
  boost::unordered_flat_map<FlowIndex, std::vector<Record>> deferred_;  // of flows whose owner is awaited
  NameTable interfaces_;
  NameTable rules_;
  NameTable programs_;                       // that names were told
  std::vector<std::uint32_t> rule_numbers_;  // of the policy's rules, kNoRule until first needed
  std::vector<std::uint64_t> rule_hits_;     // of the same
  // Original directions of entries whose NAT makes them other than the flow's tuple.
  boost::unordered_flat_map<FlowIndex, FiveTuple> originals_;
  boost::unordered_flat_map<FlowIndex, FlowRef> masters_;  // of flows that a helper expected
  AuthorizedSockets sockets_;
  AnswerWindows windows_;
  std::vector<IpAddress> broadcasts_;  // in order
  struct TupleHash {
    std::size_t operator()(const FiveTuple& tuple) const { return FlowKey{tuple}.hash(); }
  };
  boost::unordered_flat_set<FiveTuple, TupleHash> own_flows_;
  // Flows that go to the nameserver, by their source: what arrives there does not say for whom it was meant.
  boost::unordered_flat_map<FiveTuple, FlowRef, TupleHash> askers_;
  // UDP sockets that are gone and had more flows than one slice ends.
  struct Closing {
    SocketGone gone;
    Time at;
  };
  std::deque<Closing> closing_;
  std::optional<FlowIndex> policy_walk_;  // the next place to hold the policy against
  std::vector<bool> rules_used_;          // that the walk has come upon
  std::optional<FlowIndex> sweep_walk_;   // the next place to look for what the table lacked
  std::uint16_t round_ = 0;               // counts readings of conntrack's table
  bool resync_ = false;                   // one is under way
  bool restart_ = false;                  // it is the one at start
  bool counts_ = false;                   // conntrack counts packets (nf_conntrack_acct)
  bool forgotten_ = false;                // conntrack carries flows with a verdict that are not in the cache
  Time now_{};                            // of the last event
  EngineCounters counters_;
  bool watched_ = false;
};

}  // namespace tollgate
