// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/engine/engine.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "engine_context.hpp"

namespace tollgate {

Engine::Engine(const EngineOptions& options, PolicyPointer policy, Decide decide,
               std::pmr::memory_resource* memory)
    : options_{options},
      policy_{std::move(policy)},
      decide_{std::move(decide)},
      flows_{options.flows, memory},
      pending_{options.pending},
      interfaces_{kMaxInterfaceNames},
      rules_{kMaxRuleNames},
      rule_numbers_(policy_->rules().size(), kNoRule) {}

void Engine::handle(const Event& event, Time now, Effects& effects) {
  std::visit([&](const auto& what) { on(what, now, effects); }, event);
}

std::optional<Time> Engine::next_deadline() const {
  const std::optional<Time> flow = flows_.next_deadline();
  const std::optional<Time> pending = pending_.next_deadline();
  if (flow && pending) return std::min(*flow, *pending);
  return flow ? flow : pending;
}

void Engine::on(const TimePassed&, Time now, Effects& effects) {
  while (const std::optional<FlowIndex> index = pending_.overdue(now)) {
    release(*index, {options_.on_deadline, Reason::timed_out, Stage::none, kNoRule}, now, effects);
  }
  flows_.expire(now,
                [&](FlowIndex index, const Flow& flow, Removal why) { remove(flow, index, why, effects); });
}

void Engine::on(const Stopping&, Time now, Effects& effects) {
  while (const std::optional<FlowIndex> index = pending_.oldest()) {
    release(*index, {options_.on_deadline, Reason::timed_out, Stage::none, kNoRule}, now, effects);
  }
}

void Engine::on(const ConntrackChanged& change, Time now, Effects& effects) {
  const FlowIndex index = flows_.find(FlowKey{change.tuple});
  if (index == kNoFlow) return;
  Flow& flow = flows_.at(index);
  if (change.packets) flow.packets = std::max(flow.packets, *change.packets);
  if (change.bytes) flow.bytes = std::max(flow.bytes, *change.bytes);
  // A flow that waits, or that was refused, never got an entry of its own: this one was before it.
  const bool over = change.kind == ConntrackChanged::Kind::destroyed || change.tcp_closing;
  if (!over || flow.state == FlowState::ended || flow.state == FlowState::pending ||
      !lets_pass(flow.verdict)) {
    return;
  }
  flows_.end(index, now);
  changed(FlowChanged::Kind::ended, flows_.at(index), effects);
}

void Engine::on(const FlowAdopted& adopted, Time now, Effects& effects) {
  const FlowKey key{adopted.tuple};
  if (flows_.find(key) != kNoFlow) return;
  const FlowIndex index = open_flow(adopted.tuple, key, adopted.direction, now, effects);
  Flow& flow = flows_.at(index);
  flow.adopted = true;
  flow.verdict = adopted.verdict;
  flow.reason = Reason::cached;
  flow.state = FlowState::active;
  flow.generation = generation_;
  changed(FlowChanged::Kind::opened, flow, effects);
}

void Engine::on(const PolicyReplaced& replaced, Time, Effects&) {
  policy_ = replaced.policy;
  ++generation_.value;
  rule_numbers_.assign(policy_->rules().size(), kNoRule);
  std::unordered_set<std::uint32_t> used;
  flows_.for_each([&](FlowIndex, const Flow& flow) { used.insert(flow.rule); });
  rules_.release_unused([&](std::uint32_t number) { return used.contains(number); });
}

void Engine::on(const AnswerGiven& answer, Time now, Effects& effects) {
  const FlowIndex index = flows_.find(answer.flow);
  if (index == kNoFlow) return;
  const Decided decided{answer.verdict, Reason::answered, Stage::link, kNoRule};
  if (pending_.waits(index)) return release(index, decided, now, effects);
  // The question had timed out: the answer is for the flow's next packet.
  if (flows_.at(index).reason == Reason::timed_out) settle(flows_.at(index), decided, now, effects);
}

void Engine::release(FlowIndex index, const Decided& decided, Time now, Effects& effects) {
  const std::vector<HeldPacket> packets = pending_.release(index);
  Flow& flow = flows_.at(index);
  settle(flow, decided, now, effects);
  for (const HeldPacket& packet : packets) give(packet, flow.tuple, flow.verdict, flow.reason, effects);
}

void Engine::settle(Flow& flow, const Decided& decided, Time now, Effects& effects) {
  Verdict verdict = decided.verdict;
  if (!deliverable(verdict, flow)) {
    ++counters_.reroute_refused;
    verdict = Verdict::permanent_block;
  }
  const std::uint32_t rule = rule_number(decided.rule);
  const bool fresh = flow.state == FlowState::pending;
  const bool same = !fresh && flow.verdict == verdict && flow.rule == rule && flow.reason == decided.reason;
  flow.verdict = verdict;
  flow.rule = rule;
  flow.reason = decided.reason;
  flow.stage = decided.stage;
  flow.generation = generation_;
  if (fresh) flow.state = FlowState::active;
  if (same) return;  // asked again, answered the same: nothing that a log should say twice
  record(flow, now, effects);
  changed(FlowChanged::Kind::decided, flow, effects);
}

void Engine::give(const HeldPacket& packet, const FiveTuple& tuple, Verdict verdict, Reason reason,
                  Effects& effects) {
  counters_.verdicts.add(verdict);
  counters_.reasons.add(reason);
  PacketVerdict answer;
  answer.packet = packet.id;
  answer.mark = flow_mark(verdict);
  switch (verdict) {
    case Verdict::block:
    case Verdict::permanent_block:
      answer.action = PacketVerdict::Action::refuse;
      break;
    case Verdict::drop:
    case Verdict::permanent_drop:
      answer.action = PacketVerdict::Action::drop;
      break;
    case Verdict::permanent_accept:
      // The packet leaves, and somebody compares its whole mark (wg-quick does): ours must not
      // travel with it, so the ct mark is written by itself.
      if (packet.foreign_mark) {
        answer.mark = FlowMark::undecided;
        effects.marks.push_back({tuple, FlowMark::accept});
      }
      break;
    case Verdict::accept:
    case Verdict::reroute_nameserver:
    case Verdict::reroute_tunnel:
    case Verdict::count_:
      break;
  }
  effects.verdicts.push_back(answer);
}

// Whoever removes a flow from the table calls this first: what waits for it gets its verdict now.
void Engine::remove(const Flow& flow, FlowIndex index, Removal why, Effects& effects) {
  const bool evicted = why == Removal::evicted_ended || why == Removal::evicted_idle;
  const Reason reason = evicted ? Reason::overload : Reason::timed_out;
  const Verdict verdict = evicted ? options_.on_overload : options_.on_deadline;
  for (const HeldPacket& packet : pending_.release(index)) give(packet, flow.tuple, verdict, reason, effects);
  changed(FlowChanged::Kind::removed, flow, effects);
}

bool Engine::deliverable(Verdict verdict, const Flow& flow) const {
  if (is_reroute(verdict) && flow.picked_up) return false;
  const bool ipv4 = flow.tuple.family == Family::ipv4;
  if (verdict == Verdict::reroute_nameserver) return ipv4 ? options_.nameserver4 : options_.nameserver6;
  if (verdict == Verdict::reroute_tunnel) return ipv4 ? options_.tunnel4 : options_.tunnel6;
  return true;
}

Evidence Engine::evidence(const Flow& flow) const {
  Evidence seen;
  seen.tuple = flow.tuple;
  seen.direction = flow.direction;
  if (flow.interface != kNoInterface) seen.interface = std::string_view{interfaces_.name(flow.interface)};
  if (flow.uid != kNoOwner) seen.uid = flow.uid;
  if (flow.gid != kNoOwner) seen.gid = flow.gid;
  return seen;
}

std::uint32_t Engine::rule_number(std::uint32_t policy_rule) {
  if (policy_rule == kNoRule) return kNoRule;
  std::uint32_t& number = rule_numbers_[policy_rule];
  if (number == kNoRule) number = rules_.number(policy_->rules()[policy_rule].name);
  return number;
}

void Engine::changed(FlowChanged::Kind kind, const Flow& flow, Effects& effects) const {
  if (watched_) effects.changes.push_back({kind, flow});
}

void Engine::record(const Flow& flow, Time now, Effects& effects) const {
  Record entry;
  entry.time = now;
  entry.flow = flow.id;
  entry.tuple = flow.tuple;
  entry.direction = flow.direction;
  entry.verdict = flow.verdict;
  entry.reason = flow.reason;
  entry.stage = flow.stage;
  entry.rule = rule_name(flow.rule);
  entry.generation = flow.generation;
  entry.interface = interface_name(flow.interface);
  if (flow.uid != kNoOwner) entry.uid = flow.uid;
  if (flow.gid != kNoOwner) entry.gid = flow.gid;
  effects.records.push_back(std::move(entry));
}

}  // namespace tollgate
