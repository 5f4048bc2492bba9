// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/flow/flow_table.hpp"

#include <algorithm>
#include <cassert>
#include <memory>
#include <type_traits>

namespace tollgate {

static_assert(sizeof(Flow) == 128, "a flow is two cache lines");
static_assert(std::is_trivially_destructible_v<Flow>);

std::string_view to_string(FlowState state) {
  switch (state) {
    case FlowState::pending:
      return "pending";
    case FlowState::inspecting:
      return "inspecting";
    case FlowState::active:
      return "active";
    case FlowState::ended:
      return "ended";
  }
  return "";
}

namespace {

std::uint32_t short_hash(const FlowKey& key) { return static_cast<std::uint32_t>(key.hash() >> 32); }

}  // namespace

FlowTable::FlowTable(const FlowLimits& limits, std::pmr::memory_resource* memory)
    : limits_{limits}, memory_{memory}, by_tuple_{memory} {
  assert(limits.max_flows > 0);
}

FlowTable::~FlowTable() {
  for (Flow* chunk : chunks_) memory_->deallocate(chunk, kChunk * sizeof(Flow), kAlignment);
}

FlowIndex FlowTable::find(const FlowKey& key) const {
  return by_tuple_.find(short_hash(key), [&](FlowIndex place) {
    // The flow keeps its own direction: it is the key as it stands, or with its ends exchanged.
    const FiveTuple& tuple = at(place).tuple;
    return tuple == key.canonical() || tuple.reversed() == key.canonical();
  });
}

void FlowTable::prefetch_index(const FlowKey& key) const { by_tuple_.prefetch(short_hash(key)); }

void FlowTable::prefetch_flow(const FlowKey& key) const {
  const FlowIndex likely = by_tuple_.likely(short_hash(key));
  if (likely == kNoFlow) return;
  const auto* const flow = reinterpret_cast<const char*>(&at(likely));
  __builtin_prefetch(flow);
  __builtin_prefetch(flow + kAlignment);  // its times and neighbours: whoever finds it touches it
}

FlowIndex FlowTable::find(FlowId id) const {
  if (id == FlowId{}) return kNoFlow;  // that of free places
  for (FlowIndex place = 0; place < used_; ++place) {
    if (at(place).id == id) return place;
  }
  return kNoFlow;
}

FlowIndex FlowTable::insert_new(const FlowKey& key, const FiveTuple& tuple, Time now) {
  FlowIndex index = kNoFlow;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else {
    index = used_++;
    if (index / kChunk == chunks_.size()) add_chunk();
  }
  Flow& flow = *std::construct_at(&at(index));
  flow.id = FlowId{++last_id_};
  flow.tuple = tuple;
  flow.first_seen = now;
  flow.last_active = now;
  by_tuple_.insert(short_hash(key), index);
  append(list_of(flow), index);
  ++size_;
  return index;
}

void FlowTable::add_chunk() {
  // Not written to before a flow takes its place: what is not used costs no memory.
  chunks_.push_back(static_cast<Flow*>(memory_->allocate(kChunk * sizeof(Flow), kAlignment)));
}

void FlowTable::touch(FlowIndex index, Time now) {
  Flow& flow = at(index);
  flow.last_active = now;
  if (flow.state == FlowState::ended) return;  // its list is ordered by the end
  const List list = list_of(flow);
  if (lists_[list].last == index) return;
  unlink(list, index);
  append(list, index);
}

void FlowTable::end(FlowIndex index, Time now) {
  Flow& flow = at(index);
  if (flow.state == FlowState::ended) return;
  unlink(list_of(flow), index);
  flow.state = FlowState::ended;
  flow.ended = now;
  append(kEnded, index);
  ++ended_;
}

void FlowTable::erase(FlowIndex index) {
  Flow& flow = at(index);
  unlink(list_of(flow), index);
  if (flow.state == FlowState::ended) --ended_;
  by_tuple_.erase(short_hash(FlowKey{flow.tuple}), index);
  flow = Flow{};
  free_.push_back(index);
  --size_;
}

std::optional<Time> FlowTable::next_deadline() const {
  const std::optional<Due> due = next_due();
  return due ? std::optional{due->when} : std::nullopt;
}

std::optional<FlowTable::Due> FlowTable::next_due() const {
  std::optional<Due> soonest;
  for (std::uint8_t list = 0; list < kLists; ++list) {
    const FlowIndex first = lists_[list].first;
    if (first == kNoFlow) continue;
    const Flow& flow = at(first);
    const bool over = list == kEnded;
    const Due due{(over ? flow.ended : flow.last_active) + timeout(static_cast<List>(list)), first,
                  over ? Removal::lingered : Removal::idle};
    if (!soonest || due.when < soonest->when) soonest = due;
  }
  return soonest;
}

std::pair<FlowIndex, Removal> FlowTable::victim_for_eviction() const {
  if (lists_[kEnded].first != kNoFlow) return {lists_[kEnded].first, Removal::evicted_ended};
  FlowIndex victim = kNoFlow;
  for (const List list : {kIdle, kUdp, kIcmp}) {
    const FlowIndex first = lists_[list].first;
    if (first == kNoFlow) continue;
    if (victim == kNoFlow || at(first).last_active < at(victim).last_active) victim = first;
  }
  assert(victim != kNoFlow);
  return {victim, Removal::evicted_idle};
}

FlowTable::List FlowTable::list_of(const Flow& flow) const {
  if (flow.state == FlowState::ended) return kEnded;
  if (flow.tuple.protocol == Protocol::udp || flow.tuple.protocol == Protocol::udplite) return kUdp;
  return is_icmp(flow.tuple.protocol) ? kIcmp : kIdle;
}

Duration FlowTable::timeout(List list) const {
  switch (list) {
    case kIdle:
      return limits_.idle_timeout;
    case kUdp:
      return limits_.udp_idle_timeout;
    case kIcmp:
      return limits_.icmp_idle_timeout;
    case kEnded:
    case kLists:
      break;
  }
  return limits_.end_linger;
}

void FlowTable::append(List list, FlowIndex index) {
  Ends& ends = lists_[list];
  Flow& flow = at(index);
  flow.previous = ends.last;
  flow.next = kNoFlow;
  (ends.last == kNoFlow ? ends.first : at(ends.last).next) = index;
  ends.last = index;
}

void FlowTable::unlink(List list, FlowIndex index) {
  Ends& ends = lists_[list];
  const Flow& flow = at(index);
  (flow.previous == kNoFlow ? ends.first : at(flow.previous).next) = flow.next;
  (flow.next == kNoFlow ? ends.last : at(flow.next).previous) = flow.previous;
}

std::size_t FlowTable::memory() const {
  return sizeof *this + chunks_.capacity() * sizeof chunks_[0] + chunks_.size() * kChunk * sizeof(Flow) +
         free_.capacity() * sizeof(FlowIndex) + by_tuple_.memory();
}

}  // namespace tollgate
