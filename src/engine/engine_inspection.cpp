// SPDX-License-Identifier: GPL-2.0-or-later
// Flows whose first bytes decide (DESIGN.md §4, stage 5): accepted so far, with a mark by which all their
// packets come up, until the bytes have told or a bound is reached. Each packet is answered at once: the one
// that tells goes with the verdict, those before it have passed.
#include <algorithm>
#include <limits>

#include "engine_context.hpp"

namespace tollgate {

// What was shown stands for as long as the flow does. It is awaited while the flow's packets come up and the
// observer has not seen enough. What was not looked at is empty: a connection that was there before.
void Engine::show_first_bytes(const Flow& flow, const Observed* observed, Evidence& seen) {
  if (flow.tuple.protocol != Protocol::tcp && flow.tuple.protocol != Protocol::udp) return;
  const Findings* const findings = observed != nullptr ? observed->findings.get() : nullptr;
  const bool looked = observed != nullptr && observed->looked;
  const bool comes_up = flow.state == FlowState::pending || is_temporary(flow.verdict);
  if (!looked && comes_up && flow.state != FlowState::ended) {
    seen.findings = Known<const Findings*>::awaited();
    seen.name_mismatch = Known<bool>::awaited();
    // Whatever else it is going to say.
    const bool in_clear = findings != nullptr && findings->encrypted == false;
    seen.encrypted = in_clear ? Known<bool>{false} : Known<bool>::awaited();
    return;
  }
  // From the middle on everything looks like noise.
  if (findings == nullptr || (flow.picked_up && !findings->protocol)) return;
  seen.findings = findings;
  if (findings->encrypted) seen.encrypted = *findings->encrypted;
  seen.name_mismatch = observed->name_mismatch;
}

void Engine::look_into(FlowIndex index, const Decided& decided, Effects& effects) {
  Flow& flow = flows_.at(index);
  const bool begins = flow.state != FlowState::inspecting;
  flow.verdict = decided.verdict;
  flow.rule = rule_number(decided.rule);
  flow.reason = decided.reason;
  flow.stage = decided.stage;
  flow.generation = generation_;
  flow.due = Cause::none;
  if (!begins || flow.state == FlowState::ended) return;
  flow.state = FlowState::inspecting;
  ++counters_.inspected;
  changed(FlowChanged::Kind::decided, index, effects);
}

void Engine::count_inspected(FlowIndex index, std::size_t packets) {
  std::uint16_t& count = flows_.detail(index).inspected;
  const std::size_t room = std::numeric_limits<std::uint16_t>::max() - count;
  count = static_cast<std::uint16_t>(count + std::min(packets, room));
}

// It is over before it has told anything: that it was accepted so far is all that was decided.
void Engine::give_up_inspection(FlowIndex index, Time now, Effects& effects) {
  if (flows_.at(index).state == FlowState::inspecting) record(index, Cause::none, std::nullopt, now, effects);
}

}  // namespace tollgate
