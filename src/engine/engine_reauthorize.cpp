// SPDX-License-Identifier: GPL-2.0-or-later
// Decisions that are taken again (DESIGN.md §5).
#include <utility>

#include "engine_context.hpp"

namespace tollgate {
namespace {

constexpr Family kFamilies[] = {Family::ipv4, Family::ipv6};

bool is_tcp(const Flow& flow) { return flow.tuple.protocol == Protocol::tcp; }

}  // namespace

FlowMark Engine::kernel_mark(const Flow& flow) const {
  if (flow.due != Cause::none || flow.state == FlowState::pending) return FlowMark::undecided;
  if (lets_pass(flow.verdict) && opens_window(flow)) return FlowMark::undecided;
  return flow.state == FlowState::inspecting ? FlowMark::inspect : flow_mark(flow.verdict);
}

// The layers that the new policy touches are looked through from the first place on; meanwhile a packet
// of a flow that was not reached yet has it decided at once.
void Engine::on(const PolicyReplaced& replaced, Time, Effects& effects) {
  const PolicyPointer before = std::exchange(policy_, replaced.policy);
  ++generation_.value;
  rule_numbers_.assign(policy_->rules().size(), kNoRule);
  carry_hits(*before);
  const LayerSet touched = replaced.touched ? *replaced.touched : touched_layers(*before, *policy_);
  for (std::size_t direction = 0; direction < layers_.size(); ++direction) {
    for (const Family family : kFamilies) {
      if (!touched.contains(static_cast<Direction>(direction), family)) continue;
      layers_[direction][place_of(family)] = {generation_, replaced.cause};
    }
  }
  rules_used_.assign(rules_.places(), false);
  policy_walk_ = 0;
  if (touched.empty()) return;
  withdraw_sockets(effects);
  if (forgotten_) effects.read_table = true;
}

// A rule that keeps its name goes on counting.
void Engine::carry_hits(const Policy& before) {
  boost::unordered_flat_map<std::string_view, std::uint64_t> counted;
  for (std::size_t i = 0; i < rule_hits_.size(); ++i) {
    if (rule_hits_[i] != 0) counted.emplace(before.rules()[i].name, rule_hits_[i]);
  }
  rule_hits_.assign(policy_->rules().size(), 0);
  if (counted.empty()) return;
  for (std::size_t i = 0; i < rule_hits_.size(); ++i) {
    if (const auto found = counted.find(policy_->rules()[i].name); found != counted.end())
      rule_hits_[i] = found->second;
  }
}

void Engine::reauthorize_slice(Time now, Effects& effects) {
  policy_walk_ = flows_.scan(*policy_walk_, kFlowsPerSlice, [&](FlowIndex index, const Flow& flow) {
    if (is_stale(flow)) reauthorize(index, why_stale(flow), now, effects);
    const std::uint32_t rule = flows_.at(index).rule;
    if (rule < rules_used_.size()) rules_used_[rule] = true;
  });
  if (policy_walk_) return;
  for (const AuthorizedSocket& socket : sockets_.all()) {
    if (socket.rule < rules_used_.size()) rules_used_[socket.rule] = true;
  }
  // Numbers past the end were given since the walk began.
  rules_.release_unused(
      [&](std::uint32_t number) { return number >= rules_used_.size() || rules_used_[number]; });
  rules_used_.clear();
}

void Engine::reauthorize(FlowIndex index, Cause cause, Time now, Effects& effects) {
  Flow& flow = flows_.at(index);
  if (flow.state == FlowState::ended || flow.reason == Reason::killed) return;
  Evidence seen = evidence(index);
  if (flow.state == FlowState::pending) {
    // Still its first authorization: perhaps the new policy needs to ask nobody.
    const Decision decision = decide_again(seen, now);
    if (const Decided* decided = std::get_if<Decided>(&decision)) release(index, *decided, now, effects);
    return;
  }
  seen.reauthorize = flow.state != FlowState::inspecting;
  const std::optional<Decided> handed_down =
      flow.reason == Reason::related ? inherited(index, now, effects) : std::nullopt;
  const Decision decision = handed_down ? Decision{*handed_down} : decide_again(seen, now);
  Decided decided{Verdict::block, Reason::asking, Stage::none, kNoRule};
  if (const Decided* found = std::get_if<Decided>(&decision)) {
    decided = *found;
    flow.question = false;
  } else {
    flow.question = true;
    flow.generation = generation_;
    if (options_.in_reauthorization == AskAgain::keep) return;
  }
  const Verdict old = flow.verdict;
  const FlowMark old_mark = kernel_mark(flow);
  settle(index, decided, cause, now, effects);
  enforce(index, old, old_mark, now, effects);
}

// The kernel hears of a verdict that no packet carries there.
void Engine::enforce(FlowIndex index, Verdict old, FlowMark old_mark, Time now, Effects& effects) {
  Flow& flow = flows_.at(index);
  if (!flow.carried) return;  // refused from the first: only the cache knows
  const bool rerouted = is_reroute(old) || is_reroute(flow.verdict);
  if (rerouted && flow.verdict != old && lets_pass(flow.verdict) && lets_pass(old)) {
    effects.deletions.push_back({entry_tuple(index)});
    return end(index, now, effects);
  }
  const FlowMark mark = kernel_mark(flow);
  // Block lets resets pass, and nothing else.
  const bool torn = is_torn_down(flow, old);
  if (torn) effects.tear_downs.push_back({flow.tuple, flow.direction, flows_.detail(index).socket});
  const bool opened = torn && asks_daemon(old_mark);
  if (opened) effects.openings.push_back({entry_tuple(index), FlowMark::block});
  if (mark != old_mark || opened) effects.marks.push_back({entry_tuple(index), mark});
}

// A TCP connection with a socket of this machine passed so far, and is refused.
bool Engine::is_torn_down(const Flow& flow, Verdict old) {
  const bool refused = flow.verdict == Verdict::block || flow.verdict == Verdict::permanent_block;
  return refused && lets_pass(old) && is_tcp(flow) && flow.direction != Direction::forward;
}

void Engine::on(const AnswerGiven& answer, Time now, Effects& effects) {
  const FlowIndex index = flows_.find(answer.flow);
  if (index == kNoFlow) return;
  Flow& flow = flows_.at(index);
  const Decided decided{answer.verdict, Reason::answered, Stage::link, kNoRule};
  if (pending_.waits(index)) return release(index, decided, now, effects);
  // The question had timed out: the answer is for the flow's next packet. Or a reauthorization had
  // left it open: the answer is for the flow as it is.
  const bool open = std::exchange(flow.question, false);
  if ((!open && flow.reason != Reason::timed_out) || flow.state == FlowState::ended) return;
  const Verdict old = flow.verdict;
  const FlowMark old_mark = kernel_mark(flow);
  settle(index, decided, open ? Cause::completion : Cause::none, now, effects);
  enforce(index, old, old_mark, now, effects);
}

void Engine::on(const FlowsRevoked& revoked, Time, Effects& effects) {
  for (const FlowRef& ref : revoked.flows) {
    const FlowIndex index = flows_.find(ref);
    const bool settled = index != kNoFlow && flows_.at(index).state != FlowState::ended &&
                         flows_.at(index).state != FlowState::pending;
    if (!settled) {
      ++effects.by_hand.untouched;
      continue;
    }
    ++effects.by_hand.flows;
    Flow& flow = flows_.at(index);
    const bool held = flow.carried && kernel_mark(flow) != FlowMark::undecided;
    flow.due = Cause::revoked;
    if (!held) continue;
    ++effects.by_hand.marks;
    effects.marks.push_back({entry_tuple(index), FlowMark::undecided});
  }
}

void Engine::on(const FlowsKilled& killed, Time now, Effects& effects) {
  constexpr Decided kKilled{Verdict::permanent_block, Reason::killed, Stage::none, kNoRule};
  for (const FlowRef& ref : killed.flows) {
    const FlowIndex index = flows_.find(ref);
    const bool there = index != kNoFlow && flows_.at(index).state != FlowState::ended &&
                       flows_.at(index).reason != Reason::killed;
    if (!there) {
      ++effects.by_hand.untouched;
      continue;
    }
    ++effects.by_hand.flows;
    if (flows_.at(index).state == FlowState::pending) {
      ++effects.by_hand.waiting;
      release(index, kKilled, now, effects);
      continue;
    }
    const Verdict old = flows_.at(index).verdict;
    const FlowMark old_mark = kernel_mark(flows_.at(index));
    const std::size_t marks = effects.marks.size(), sockets = effects.tear_downs.size();
    settle(index, kKilled, Cause::killed, now, effects);
    enforce(index, old, old_mark, now, effects);
    effects.by_hand.marks += effects.marks.size() - marks;
    effects.by_hand.sockets += effects.tear_downs.size() - sockets;
  }
}

// `peers = "any"`: from now on the kernel knows.
void Engine::authorize_socket(const Flow& flow, std::uint32_t policy_rule, Effects& effects) {
  if (policy_rule == kNoRule || !policy_->rules()[policy_rule].any_peer) return;
  const bool inbound = flow.direction == Direction::inbound;
  // A TCP socket that connects has one peer and no other.
  if (!has_ports(flow.tuple.protocol) || (is_tcp(flow) && !inbound)) return;
  AuthorizedSocket socket;
  socket.protocol = flow.tuple.protocol;
  socket.direction = flow.direction;
  socket.address = inbound ? flow.tuple.destination_address() : flow.tuple.source_address();
  socket.port = inbound ? flow.tuple.destination_port : flow.tuple.source_port;
  socket.rule = flow.rule;
  switch (sockets_.add(socket)) {
    case AuthorizedSockets::Added::added:
      effects.sockets.push_back(effect_of(socket, true));
      return;
    case AuthorizedSockets::Added::known:
      return;
    case AuthorizedSockets::Added::full:
      ++counters_.sockets_not_authorized;
      return;
  }
}

// In layers that a new policy touches no socket keeps what the old one gave it. The flows that it let in
// unseen are read from conntrack's table.
void Engine::withdraw_sockets(Effects& effects) {
  sockets_.withdraw(
      [&](const AuthorizedSocket& socket) {
        return since(socket.direction, socket.address.family()) == generation_;
      },
      [&](const AuthorizedSocket& socket) {
        effects.sockets.push_back(effect_of(socket, false));
        effects.read_table = true;
      });
}

}  // namespace tollgate
