// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/engine/flow_owners.hpp"

#include <utility>

namespace tollgate {

Known<const Process*> FlowOwner::evidence() const {
  switch (state) {
    case State::unknown:
      return {};
    case State::awaited:
      return Known<const Process*>::awaited();
    case State::known:
      return process.get();
  }
  return {};
}

const FlowOwner& FlowOwners::at(FlowIndex index) const {
  static const FlowOwner kNeverAsked;
  return index < places_.size() ? places_[index].owner : kNeverAsked;
}

void FlowOwners::await(const FlowRef& flow, Time deadline) {
  if (flow.place >= places_.size()) places_.resize(std::size_t{flow.place} + 1);
  places_[flow.place] = {flow.id, {FlowOwner::State::awaited, NoProcess::not_asked, nullptr}};
  deadlines_.push_back({deadline, flow});
}

void FlowOwners::set(FlowIndex index, FlowOwner owner) {
  if (index >= places_.size()) places_.resize(std::size_t{index} + 1);
  const bool waits = owner.hash_awaited;
  places_[index].owner = std::move(owner);
  if (!waits) settle(index);
}

bool FlowOwners::waits(FlowIndex index) const {
  return index < places_.size() && places_[index].awaits.value != 0;
}

void FlowOwners::forget(FlowIndex index) {
  if (index >= places_.size()) return;
  places_[index].owner = {};
  settle(index);
}

void FlowOwners::settle(FlowIndex index) {
  places_[index].awaits = {};
  while (!deadlines_.empty()) {
    const FlowRef& first = deadlines_.front().flow;
    if (places_[first.place].awaits == first.id) return;
    deadlines_.pop_front();
  }
}

std::optional<Time> FlowOwners::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.front().when;
}

std::optional<FlowIndex> FlowOwners::overdue(Time now) const {
  if (deadlines_.empty() || deadlines_.front().when > now) return std::nullopt;
  return deadlines_.front().flow.place;
}

}  // namespace tollgate
