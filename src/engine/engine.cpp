// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/engine/engine.hpp"

#include <algorithm>
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
      observer_{options.observer, options.seed},
      interfaces_{kMaxInterfaceNames},
      rules_{kMaxRuleNames},
      programs_{kMaxProgramNames},
      rule_numbers_(policy_->rules().size(), kNoRule),
      rule_hits_(policy_->rules().size(), 0),
      windows_{options.answer_window} {
  for (auto& families : layers_) families.fill({generation_, Cause::policy});
}

void Engine::handle(const Event& event, Time now, Effects& effects) {
  now_ = now;
  std::visit([&](const auto& what) { on(what, now, effects); }, event);
}

std::optional<Time> Engine::next_deadline() const {
  if (policy_walk_ || sweep_walk_ || !closing_.empty()) return now_;
  std::optional<Time> next = flows_.next_deadline();
  for (const std::optional<Time>& other :
       {pending_.next_deadline(), owners_.next_deadline(), windows_.next_deadline()}) {
    if (other && (!next || *other < *next)) next = other;
  }
  return next;
}

void Engine::on(const TimePassed&, Time now, Effects& effects) {
  give_up_owners(now, effects);
  while (const std::optional<FlowIndex> index = pending_.overdue(now)) {
    release(*index, {options_.on_deadline, Reason::timed_out, Stage::none, kNoRule}, now, effects);
  }
  if (!closing_.empty()) {
    const Closing closing = closing_.front();
    closing_.pop_front();
    end_socket(closing.gone, closing.at, now, effects);
  }
  if (policy_walk_) reauthorize_slice(now, effects);
  if (sweep_walk_) sweep(now, effects);
  windows_.close_over(now);
  flows_.expire(
      now, kFlowsPerSlice,
      [&](FlowIndex index, const Flow& flow, Removal why) { remove(flow, index, why, effects); },
      [&](FlowIndex index, const Flow& flow) { return probe(index, flow, effects); });
}

void Engine::on(const Stopping&, Time now, Effects& effects) {
  while (const std::optional<FlowIndex> index = pending_.oldest()) {
    release(*index, {options_.on_deadline, Reason::timed_out, Stage::none, kNoRule}, now, effects);
  }
}

void Engine::on(const BroadcastAddresses& what, Time, Effects&) {
  const std::size_t count = std::min(what.addresses.size(), kMaxBroadcastAddresses);
  broadcasts_.assign(what.addresses.begin(), what.addresses.begin() + static_cast<std::ptrdiff_t>(count));
  std::ranges::sort(broadcasts_);
}

void Engine::on(const OwnFlow& own, Time, Effects&) {
  if (!own.open) {
    own_flows_.erase(own.tuple);
  } else if (own_flows_.size() < kMaxOwnFlows) {
    own_flows_.insert(own.tuple);
  }
}

}  // namespace tollgate
