// SPDX-License-Identifier: GPL-2.0-or-later
// What becomes of a decision: it is noted, told, and given to the packets that wait for it.
#include <utility>

#include "engine_context.hpp"

namespace tollgate {

// Stages 3 and 4, and what only the engine knows: whom an inbound packet may be an answer to, and what is the
// daemon's own.
Decision Engine::decide_again(const Evidence& seen, Time now) const {
  if (!own_flows_.empty() && seen.direction == Direction::outbound && own_flows_.contains(seen.tuple)) {
    return Decided{Verdict::permanent_accept, Reason::own, Stage::none, kNoRule};
  }
  const Decision decision = decide_(*policy_, seen);
  const Decided* decided = std::get_if<Decided>(&decision);
  // Rules decide about answers as about all else; only the default gives way.
  if (decided == nullptr || decided->reason != Reason::default_verdict || !in_window(seen, now))
    return decision;
  return Decided{Verdict::accept, Reason::window, Stage::link, kNoRule};
}

void Engine::settle(FlowIndex index, const Decided& decided, Cause cause, Time now, Effects& effects) {
  if (decided.reason == Reason::inspecting) return look_into(index, decided, effects);
  Flow& flow = flows_.at(index);
  Verdict verdict = decided.verdict;
  if (!deliverable(verdict, flow)) {
    ++counters_.reroute_refused;
    verdict = Verdict::permanent_block;
  }
  const std::uint32_t rule = rule_number(decided.rule);
  const bool fresh = flow.state == FlowState::pending || flow.state == FlowState::inspecting;
  const bool same_verdict = !fresh && flow.verdict == verdict;
  const bool same = same_verdict && flow.rule == rule && flow.reason == decided.reason;
  const std::optional<Before> old = fresh ? std::nullopt : std::optional<Before>{{flow.verdict, flow.rule}};
  if (cause != Cause::none) {
    counters_.reauthorized.add(cause);
    if (!same_verdict) counters_.changed.add(cause);
    if (old) {
      flows_.detail(index).cause = cause;
      flows_.detail(index).old_verdict = old->verdict;
    }
  }
  count_hit(decided.rule);
  flow.verdict = verdict;
  flow.rule = rule;
  flow.reason = decided.reason;
  flow.stage = decided.stage;
  flow.generation = generation_;
  flow.due = Cause::none;
  if (fresh) flow.state = FlowState::active;
  if (verdict == Verdict::reroute_nameserver) note_asker(index);
  if (verdict == Verdict::permanent_accept) authorize_socket(flow, decided.rule, effects);
  // Asked again, answered the same: nothing that a log should say twice. What somebody did by hand,
  // and what came of another interface, is worth a line in any case.
  const bool silent = is_of_policy(cause) ? same_verdict : same;
  if (silent && cause != Cause::revoked && cause != Cause::arrival) return;
  if (flow.reason == Reason::own) return changed(FlowChanged::Kind::decided, index, effects);
  record(index, cause, old, now, effects);
  changed(FlowChanged::Kind::decided, index, effects);
}

void Engine::release(FlowIndex index, const Decided& decided, Time now, Effects& effects) {
  const std::vector<HeldPacket> packets = pending_.release(index);
  const bool looked_into = flows_.detail(index).inspected > 0 && flows_.at(index).carried;
  if (looked_into || decided.stage == Stage::inspection) count_inspected(index, packets.size());
  settle(index, decided, Cause::none, now, effects);
  for (const HeldPacket& packet : packets) {
    const Flow& flow = flows_.at(index);
    give(packet, flow, flow.verdict, flow.reason, effects);
  }
  if (looked_into) enforce(index, Verdict::accept, FlowMark::inspect, now, effects);
  if (lets_pass(flows_.at(index).verdict) && !packets.empty()) note_carried(index);
  open_window(flows_.at(index), now);
}

namespace {

PacketVerdict::Action action_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::block:
    case Verdict::permanent_block:
      return PacketVerdict::Action::refuse;
    case Verdict::drop:
    case Verdict::permanent_drop:
      return PacketVerdict::Action::drop;
    case Verdict::accept:
    case Verdict::permanent_accept:
    case Verdict::reroute_nameserver:
    case Verdict::reroute_tunnel:
    case Verdict::count_:
      break;
  }
  return PacketVerdict::Action::pass;
}

}  // namespace

// A packet of a flow. Temporary verdicts leave the ct mark alone.
void Engine::give(const HeldPacket& packet, const Flow& flow, Verdict verdict, Reason reason,
                  Effects& effects) {
  counters_.verdicts.add(verdict);
  counters_.reasons.add(reason);
  const bool looked_into = flow.state == FlowState::inspecting && verdict == flow.verdict;
  PacketVerdict answer{packet.id, action_of(verdict), looked_into ? FlowMark::inspect : flow_mark(verdict)};
  if (flow.state == FlowState::ended || (lets_pass(verdict) && opens_window(flow)))
    answer.mark = FlowMark::undecided;
  if ((answer.mark == FlowMark::accept || answer.mark == FlowMark::inspect) && packet.foreign_mark) {
    // The packet leaves, and somebody compares its whole mark (wg-quick does): ours must not travel
    // with it, so the ct mark is written by itself.
    effects.marks.push_back({flow.tuple, std::exchange(answer.mark, FlowMark::undecided)});
  }
  effects.verdicts.push_back(answer);
}

// A packet of no flow: `verdict` is temporary.
void Engine::give_single(const HeldPacket& packet, Verdict verdict, Reason reason, Effects& effects) {
  counters_.verdicts.add(verdict);
  counters_.reasons.add(reason);
  effects.verdicts.push_back({packet.id, action_of(verdict), FlowMark::undecided});
}

bool Engine::deliverable(Verdict verdict, const Flow& flow) const {
  if (needs_other_nat(flow, verdict)) return flow.tuple.protocol != Protocol::tcp;
  if (!is_reroute(verdict)) return true;
  if (flow.picked_up) return false;
  const bool ipv4 = flow.tuple.family == Family::ipv4;
  if (verdict == Verdict::reroute_nameserver) return ipv4 ? options_.nameserver4 : options_.nameserver6;
  return ipv4 ? options_.tunnel4 : options_.tunnel6;
}

Evidence Engine::evidence(FlowIndex index) const {
  const Flow& flow = flows_.at(index);
  Evidence seen;
  seen.tuple = flow.tuple;
  seen.direction = flow.direction;
  if (flow.interface != kNoInterface) seen.interface = std::string_view{interfaces_.name(flow.interface)};
  if (flow.uid != kNoOwner) seen.uid = flow.uid;
  if (flow.gid != kNoOwner) seen.gid = flow.gid;
  seen.process = owners_.at(index).evidence();
  seen.hash_awaited = owners_.at(index).hash_awaited;
  const Observed* const observed = observer_.find(flow.id);
  const bool awaited = owners_.at(index).state == FlowOwner::State::awaited;
  if (awaited && observer_.depends_on_owner(flow, now_)) {
    seen.domain = Known<std::string_view>::awaited();
  } else if (observed != nullptr && observed->domain_source) {
    seen.domain = std::string_view{observed->domain};
    seen.domain_source = *observed->domain_source;
  }
  show_first_bytes(flow, observed, seen);
  return seen;
}

std::uint32_t Engine::rule_number(std::uint32_t policy_rule) {
  if (policy_rule == kNoRule) return kNoRule;
  std::uint32_t& number = rule_numbers_[policy_rule];
  if (number == kNoRule) {
    number = rules_.number(policy_->rules()[policy_rule].name);
    if (number < rules_used_.size()) rules_used_[number] = true;
  }
  return number;
}

FlowChanged Engine::change(FlowChanged::Kind kind, FlowIndex index) const {
  const Observed* const observed = observer_.find(flows_.at(index).id);
  return {kind, flows_.at(index), owners_.at(index), observed != nullptr ? *observed : Observed{}};
}

void Engine::changed(FlowChanged::Kind kind, FlowIndex index, Effects& effects) const {
  if (watched_) effects.changes.push_back(change(kind, index));
}

void Engine::record(FlowIndex index, Cause cause, std::optional<Before> old, Time now, Effects& effects) {
  const Flow& flow = flows_.at(index);
  Record entry;
  entry.time = now;
  entry.flow = flow.id;
  entry.tuple = flow.tuple;
  entry.direction = flow.direction;
  entry.verdict = flow.verdict;
  entry.cause = cause;
  if (cause != Cause::none && old) {
    entry.old_verdict = old->verdict;
    entry.old_rule = rule_name(old->rule);
  }
  entry.reason = flow.reason;
  entry.stage = flow.stage;
  entry.rule = rule_name(flow.rule);
  entry.generation = flow.generation;
  entry.interface = interface_name(flow.interface);
  if (flow.uid != kNoOwner) entry.uid = flow.uid;
  if (flow.gid != kNoOwner) entry.gid = flow.gid;
  if (const Observed* const observed = observer_.find(flow.id)) {
    entry.domain = observed->domain;
    entry.domain_source = observed->domain_source;
    entry.findings = observed->findings;
  }
  entry.inspected = flows_.detail(index).inspected;
  tell(index, std::move(entry), effects);
}

}  // namespace tollgate
