// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/flow/flow_table.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <memory>
#include <type_traits>

namespace tollgate {

static_assert(sizeof(Flow) == 128, "a flow is two cache lines");
static_assert(std::is_trivially_destructible_v<Flow>);
static_assert(std::is_trivially_destructible_v<FlowDetail>);

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

constexpr std::size_t kPorts = 65'536;

std::uint32_t short_hash(const FlowKey& key) { return static_cast<std::uint32_t>(key.hash() >> 32); }

bool is_udp(Protocol protocol) { return protocol == Protocol::udp || protocol == Protocol::udplite; }

// Of flows that end at a socket of this machine.
std::optional<std::uint16_t> local_udp_port(const Flow& flow) {
  if (!is_udp(flow.tuple.protocol)) return std::nullopt;
  switch (flow.direction) {
    case Direction::outbound:
      return flow.tuple.source_port;
    case Direction::inbound:
      return flow.tuple.destination_port;
    case Direction::forward:
    case Direction::count_:
      break;
  }
  return std::nullopt;
}

}  // namespace

FlowTable::FlowTable(const FlowLimits& limits, std::pmr::memory_resource* memory)
    : limits_{limits}, memory_{memory}, by_tuple_{memory} {
  assert(limits.max_flows > 0);
  assert(limits.idle_times.size() <= kMaxIdleTimes && limits.pressure.size() <= kMaxPressureSteps);
  relaxed_[kEnded] = limits.end_linger;
  relaxed_[kAsked] = kAnswerTime;
  relaxed_[kIdle] = limits.idle_timeout;
  relaxed_[kUdp] = limits.udp_idle_timeout;
  relaxed_[kIcmp] = limits.icmp_idle_timeout;
  list_of_protocol_.fill(kIdle);
  const auto class_of = [this](Protocol protocol) -> std::uint8_t& {
    return list_of_protocol_[static_cast<std::uint8_t>(protocol)];
  };
  class_of(Protocol::udp) = class_of(Protocol::udplite) = kUdp;
  class_of(Protocol::icmp) = class_of(Protocol::icmpv6) = kIcmp;
  for (const IdleTime& idle : limits.idle_times) {
    relaxed_[list_count_] = idle.time;
    class_of(idle.protocol) = list_count_++;
  }
  note_size();
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

FlowIndex FlowTable::insert_new(const FlowKey& key, const FiveTuple& tuple, Direction direction, Time now) {
  FlowIndex index = kNoFlow;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else {
    index = used_++;
    if (index / kChunk == chunks_.size()) add_chunk();
  }
  Flow& flow = *std::construct_at(&at(index));
  std::construct_at(&detail(index));
  flow.id = FlowId{++last_id_};
  flow.tuple = tuple;
  flow.direction = direction;
  flow.first_seen = now;
  flow.last_active = now;
  by_tuple_.insert(short_hash(key), index);
  append(list_of(flow), index);
  link_port(index);
  ++size_;
  note_size();
  return index;
}

void FlowTable::add_chunk() {
  // Not written to before a flow takes its place: what is not used costs no memory.
  chunks_.push_back(static_cast<Flow*>(memory_->allocate(kChunk * sizeof(Flow), kAlignment)));
  details_.push_back(std::make_unique_for_overwrite<FlowDetail[]>(kChunk));
}

void FlowTable::touch(FlowIndex index, Time now) {
  Flow& flow = at(index);
  flow.last_active = now;
  if (flow.state == FlowState::ended) return;  // its list is ordered by the end
  const std::uint8_t list = list_of(flow);
  if (lists_[list].last == index && !flow.asked) return;
  unlink(list, index);
  flow.asked = false;
  append(list_of(flow), index);
}

void FlowTable::wait_for_answer(FlowIndex index, Time now) {
  Flow& flow = at(index);
  unlink(list_of(flow), index);
  flow.asked = true;
  flow.ended = now;
  append(kAsked, index);
}

void FlowTable::end(FlowIndex index, Time now) {
  Flow& flow = at(index);
  if (flow.state == FlowState::ended) return;
  unlink(list_of(flow), index);
  unlink_port(index);
  flow.asked = false;
  flow.state = FlowState::ended;
  flow.ended = now;
  append(kEnded, index);
  ++ended_;
}

void FlowTable::erase(FlowIndex index) {
  Flow& flow = at(index);
  unlink(list_of(flow), index);
  if (flow.state == FlowState::ended) {
    --ended_;
  } else {
    unlink_port(index);
  }
  by_tuple_.erase(short_hash(FlowKey{flow.tuple}), index);
  flow = Flow{};
  free_.push_back(index);
  --size_;
  note_size();
}

std::optional<Time> FlowTable::next_deadline() const {
  const std::optional<Due> due = next_due();
  return due ? std::optional{due->when} : std::nullopt;
}

std::optional<FlowTable::Due> FlowTable::next_due() const {
  std::optional<Due> soonest;
  for (std::uint8_t list = 0; list < list_count_; ++list) {
    const FlowIndex first = lists_[list].first;
    if (first == kNoFlow) continue;
    const Flow& flow = at(first);
    const Time since = list == kEnded || list == kAsked ? flow.ended : flow.last_active;
    const Due due{since + timeouts_[list], first, list == kEnded ? Removal::lingered : Removal::idle};
    if (!soonest || due.when < soonest->when) soonest = due;
  }
  return soonest;
}

std::pair<FlowIndex, Removal> FlowTable::victim_for_eviction() const {
  if (lists_[kEnded].first != kNoFlow) return {lists_[kEnded].first, Removal::evicted_ended};
  FlowIndex victim = kNoFlow;
  for (std::uint8_t list = kAsked; list < list_count_; ++list) {
    const FlowIndex first = lists_[list].first;
    if (first == kNoFlow) continue;
    if (victim == kNoFlow || at(first).last_active < at(victim).last_active) victim = first;
  }
  assert(victim != kNoFlow);
  return {victim, Removal::evicted_idle};
}

std::uint8_t FlowTable::list_of(const Flow& flow) const {
  if (flow.state == FlowState::ended) return kEnded;
  if (flow.asked) return kAsked;
  return list_of_protocol_[static_cast<std::uint8_t>(flow.tuple.protocol)];
}

std::uint32_t FlowTable::pressure() const {
  std::uint32_t steps = 0;
  for (const PressureStep& step : limits_.pressure) {
    if (std::uint64_t{size_} * 100 < std::uint64_t{step.fill} * limits_.max_flows) break;
    ++steps;
  }
  return steps;
}

// Called whenever the size has changed: nearly always it is still within the step in force.
void FlowTable::note_size() {
  if (step_begins_ <= size_ && size_ < step_ends_) return;
  const std::uint32_t steps = pressure();
  const auto begin_of = [this](std::uint32_t step) {
    return static_cast<std::uint32_t>((std::uint64_t{limits_.pressure[step].fill} * limits_.max_flows + 99) /
                                      100);
  };
  step_begins_ = steps == 0 ? 0 : begin_of(steps - 1);
  step_ends_ = steps == limits_.pressure.size() ? std::numeric_limits<std::uint32_t>::max() : begin_of(steps);
  const std::uint32_t idle = steps == 0 ? 100 : limits_.pressure[steps - 1].idle;
  timeouts_ = relaxed_;
  for (std::uint8_t list = kIdle; list < list_count_; ++list) timeouts_[list] = relaxed_[list] / 100 * idle;
}

void FlowTable::append(std::uint8_t list, FlowIndex index) {
  Ends& ends = lists_[list];
  Flow& flow = at(index);
  flow.previous = ends.last;
  flow.next = kNoFlow;
  (ends.last == kNoFlow ? ends.first : at(ends.last).next) = index;
  ends.last = index;
}

void FlowTable::unlink(std::uint8_t list, FlowIndex index) {
  Ends& ends = lists_[list];
  const Flow& flow = at(index);
  (flow.previous == kNoFlow ? ends.first : at(flow.previous).next) = flow.next;
  (flow.next == kNoFlow ? ends.last : at(flow.next).previous) = flow.previous;
}

void FlowTable::link_port(FlowIndex index) {
  const std::optional<std::uint16_t> port = local_udp_port(at(index));
  if (!port) return;
  if (ports_.empty()) ports_.assign(kPorts, kNoFlow);
  FlowIndex& first = ports_[*port];
  detail(index).port_next = first;
  if (first != kNoFlow) detail(first).port_previous = index;
  first = index;
}

void FlowTable::unlink_port(FlowIndex index) {
  const std::optional<std::uint16_t> port = local_udp_port(at(index));
  if (!port) return;
  const FlowDetail& flow = detail(index);
  (flow.port_previous == kNoFlow ? ports_[*port] : detail(flow.port_previous).port_next) = flow.port_next;
  if (flow.port_next != kNoFlow) detail(flow.port_next).port_previous = flow.port_previous;
}

std::size_t FlowTable::memory() const {
  return sizeof *this + chunks_.capacity() * sizeof chunks_[0] + chunks_.size() * kChunk * sizeof(Flow) +
         details_.capacity() * sizeof details_[0] + details_.size() * kChunk * sizeof(FlowDetail) +
         free_.capacity() * sizeof(FlowIndex) + ports_.capacity() * sizeof(FlowIndex) + by_tuple_.memory();
}

}  // namespace tollgate
