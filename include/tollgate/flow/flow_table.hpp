// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <vector>

#include "tollgate/base/time.hpp"
#include "tollgate/flow/flow.hpp"
#include "tollgate/flow/tuple_index.hpp"

namespace tollgate {

struct FlowLimits {
  // At the limit an insertion evicts the oldest ended flow, else the longest idle one. What the
  // kernel carries goes on being carried.
  std::uint32_t max_flows = 262'144;
  Duration end_linger = std::chrono::minutes{1};
  Duration idle_timeout = std::chrono::minutes{10};
  Duration udp_idle_timeout = std::chrono::minutes{10};
  Duration icmp_idle_timeout = std::chrono::seconds{60};
};

enum class Removal : std::uint8_t { lingered, idle, evicted_ended, evicted_idle, erased };

// The flows that are known, found by tuple in either direction, in order of their deadlines.
//
// All operations are O(1) but `expire` and `for_each`: flows stand in one list per idle class, in
// order of last activity, and in one list of the ended ones, in order of their end; as every class
// has one time-out, the heads of the lists are the next to go. Flows live in chunks that never
// move: a reference stays good until its flow is removed.
class FlowTable {
 public:
  // `memory` is where flows and index live; it must outlive the table.
  explicit FlowTable(const FlowLimits& limits,
                     std::pmr::memory_resource* memory = std::pmr::get_default_resource());
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  // kNoFlow when there is none. Either direction of the tuple will do.
  FlowIndex find(const FlowKey& key) const;
  FlowIndex find(FlowId id) const;  // O(n): for people, not for packets

  // A look-up waits for main memory twice, for the index and for the flow. Where many keys are looked up
  // one after another the waits go side by side: `prefetch_index` for all, `prefetch_flow` for all, then
  // `find`. Changes nothing.
  void prefetch_index(const FlowKey& key) const;
  void prefetch_flow(const FlowKey& key) const;

  Flow& at(FlowIndex index) { return chunks_[index / kChunk][index % kChunk]; }
  const Flow& at(FlowIndex index) const { return chunks_[index / kChunk][index % kChunk]; }

  // Puts a new flow at the tuple, which must not be there. `first_seen` and `last_active` become
  // `now`. `removed(index, flow, Removal)` sees the flow that had to go for it,
  // just before it goes.
  template <class OnRemoved>
  FlowIndex insert(const FlowKey& key, const FiveTuple& tuple, Time now, OnRemoved&& removed) {
    if (size_ >= limits_.max_flows) {
      const auto [victim, why] = victim_for_eviction();
      removed(victim, static_cast<const Flow&>(at(victim)), why);
      erase(victim);
    }
    return insert_new(key, tuple, now);
  }

  // A packet passed. Ended flows stay ended.
  void touch(FlowIndex index, Time now);
  // The endpoint is gone. Counts once.
  void end(FlowIndex index, Time now);
  void erase(FlowIndex index);

  // Removes what is due; `removed(index, flow, Removal)` sees each one just before it goes.
  template <class OnRemoved>
  void expire(Time now, OnRemoved&& removed) {
    while (const std::optional<Due> due = next_due()) {
      if (due->when > now) break;
      removed(due->flow, static_cast<const Flow&>(at(due->flow)), due->why);
      erase(due->flow);
    }
  }
  // When `expire` next has something to do.
  std::optional<Time> next_deadline() const;

  // Every flow, in order of its place. The function may not insert or erase.
  template <class Function>
  void for_each(Function&& function) const {
    scan(0, used_, function);
  }
  // Looks at the next `limit` places from `from` on and calls `function(index, flow)` for the flows
  // there; returns where to go on, nullopt past the last. Between calls the table may change: a flow
  // that stays is seen once.
  template <class Function>
  std::optional<FlowIndex> scan(FlowIndex from, std::uint32_t limit, Function&& function) const {
    const std::uint32_t end = used_ - std::min(used_, from) > limit ? from + limit : used_;
    for (FlowIndex index = from; index < end; ++index) {
      if (at(index).id != FlowId{}) function(index, at(index));
    }
    return end < used_ ? std::optional{end} : std::nullopt;
  }

  std::uint32_t size() const { return size_; }
  std::uint32_t ended() const { return ended_; }
  const FlowLimits& limits() const { return limits_; }
  // Bytes that the table holds, slack included.
  std::size_t memory() const;

 private:
  static constexpr std::uint32_t kChunk = 16'384;  // flows: 2 MiB, a huge page
  // A flow begins a cache line: its key is looked at with one miss.
  static constexpr std::size_t kAlignment = 64;
  enum List : std::uint8_t { kIdle, kUdp, kIcmp, kEnded, kLists };

  struct Ends {
    FlowIndex first = kNoFlow, last = kNoFlow;
  };
  struct Due {
    Time when;
    FlowIndex flow;
    Removal why;
  };
  void add_chunk();
  FlowIndex insert_new(const FlowKey& key, const FiveTuple& tuple, Time now);
  std::pair<FlowIndex, Removal> victim_for_eviction() const;
  std::optional<Due> next_due() const;
  List list_of(const Flow& flow) const;
  Duration timeout(List list) const;
  void append(List list, FlowIndex index);
  void unlink(List list, FlowIndex index);

  FlowLimits limits_;
  std::pmr::memory_resource* memory_;
  std::vector<Flow*> chunks_;
  std::vector<FlowIndex> free_;
  std::uint32_t used_ = 0;  // places handed out so far, free ones included
  std::uint32_t size_ = 0;
  std::uint32_t ended_ = 0;
  std::uint64_t last_id_ = 0;
  std::array<Ends, kLists> lists_;
  TupleIndex by_tuple_;
};

}  // namespace tollgate
