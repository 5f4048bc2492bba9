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

// The idle time of one protocol.
struct IdleTime {
  Protocol protocol = Protocol::sctp;
  Duration time{};
  friend bool operator==(const IdleTime&, const IdleTime&) = default;
};
inline constexpr std::size_t kMaxIdleTimes = 16;

// From `fill` percent of max_flows on every idle time is `idle` percent of what it is else.
struct PressureStep {
  std::uint32_t fill = 100;
  std::uint32_t idle = 100;
  friend bool operator==(const PressureStep&, const PressureStep&) = default;
};
inline constexpr std::size_t kMaxPressureSteps = 8;

struct FlowLimits {
  // At the limit an insertion evicts the oldest ended flow, else the longest idle one. What the
  // kernel carries goes on being carried.
  std::uint32_t max_flows = 262'144;
  Duration end_linger = std::chrono::minutes{1};
  Duration idle_timeout = std::chrono::minutes{10};
  Duration udp_idle_timeout = std::chrono::minutes{10};
  Duration icmp_idle_timeout = std::chrono::seconds{60};
  std::vector<IdleTime> idle_times;  // of single protocols, instead of the above; at most kMaxIdleTimes
  // By ascending fill; at most kMaxPressureSteps. Of those that the table has reached, the last is in
  // force, until the table is below it again.
  std::vector<PressureStep> pressure = {{80, 50}, {90, 20}, {95, 5}};
};

enum class Removal : std::uint8_t { lingered, idle, evicted_ended, evicted_idle, erased };

// The flows that are known, found by tuple in either direction, in order of their deadlines.
//
// All operations are O(1) but `expire` and `for_each`: flows stand in one list per idle class, in
// order of last activity, in one list of those that conntrack was asked about, and in one of the ended
// ones, in order of their end; as every list has one time-out, the heads of the lists are the next to
// go. Flows live in chunks that never move: a reference stays good until its flow is removed.
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
  FlowDetail& detail(FlowIndex index) { return details_[index / kChunk][index % kChunk]; }
  const FlowDetail& detail(FlowIndex index) const { return details_[index / kChunk][index % kChunk]; }
  FlowRef ref(FlowIndex index) const { return {index, at(index).id}; }
  // Where that flow still stands; kNoFlow when it is gone.
  FlowIndex find(const FlowRef& ref) const {
    return ref.place < used_ && ref.id != FlowId{} && at(ref.place).id == ref.id ? ref.place : kNoFlow;
  }

  // Puts a new flow at the tuple, which must not be there. `first_seen` and `last_active` become
  // `now`. `removed(index, flow, Removal)` sees the flow that had to go for it,
  // just before it goes.
  template <class OnRemoved>
  FlowIndex insert(const FlowKey& key, const FiveTuple& tuple, Direction direction, Time now,
                   OnRemoved&& removed) {
    if (size_ >= limits_.max_flows) {
      const auto [victim, why] = victim_for_eviction();
      removed(victim, static_cast<const Flow&>(at(victim)), why);
      erase(victim);
    }
    return insert_new(key, tuple, direction, now);
  }

  // A packet passed. Ended flows stay ended.
  void touch(FlowIndex index, Time now);
  // The endpoint is gone. Counts once.
  void end(FlowIndex index, Time now);
  void erase(FlowIndex index);

  // Deals with what is due, at most `budget` flows. An idle flow for which `asks(index, flow)` is true
  // stays for kAnswerTime, within which touch() or erase() has to tell what became of it. All others
  // are removed; `removed(index, flow, Removal)` sees each one just before it goes.
  template <class OnRemoved, class Asks>
  void expire(Time now, unsigned budget, OnRemoved&& removed, Asks&& asks) {
    for (; budget > 0; --budget) {
      const std::optional<Due> due = next_due();
      if (!due || due->when > now) break;
      const Flow& flow = at(due->flow);
      if (due->why == Removal::idle && !flow.asked && asks(due->flow, flow)) {
        wait_for_answer(due->flow, now);
        continue;
      }
      removed(due->flow, flow, due->why);
      erase(due->flow);
    }
  }
  static constexpr Duration kAnswerTime = std::chrono::seconds{5};
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

  // Every UDP flow whose local end has this port, but the ended ones; the function may end them.
  template <class Function>
  void for_each_at_port(std::uint16_t port, Function&& function) const {
    if (ports_.empty()) return;
    for (FlowIndex index = ports_[port]; index != kNoFlow;) {
      const FlowIndex next = detail(index).port_next;
      function(index, at(index));
      index = next;
    }
  }

  std::uint32_t places() const { return used_; }  // those that `scan` looks at
  std::uint32_t size() const { return size_; }
  std::uint32_t ended() const { return ended_; }
  const FlowLimits& limits() const { return limits_; }
  // How many pressure steps the table has reached: the last of them is in force. 0: none.
  std::uint32_t pressure() const;
  // Bytes that the table holds, slack included.
  std::size_t memory() const;

 private:
  static constexpr std::uint32_t kChunk = 16'384;  // flows: 2 MiB, a huge page
  // A flow begins a cache line: its key is looked at with one miss.
  static constexpr std::size_t kAlignment = 64;
  // The idle classes come last: those of single protocols after kIcmp.
  enum List : std::uint8_t { kEnded, kAsked, kIdle, kUdp, kIcmp, kProtocols };
  static constexpr std::size_t kMaxLists = kProtocols + kMaxIdleTimes;

  struct Ends {
    FlowIndex first = kNoFlow, last = kNoFlow;
  };
  struct Due {
    Time when;
    FlowIndex flow;
    Removal why;
  };
  void add_chunk();
  FlowIndex insert_new(const FlowKey& key, const FiveTuple& tuple, Direction direction, Time now);
  void wait_for_answer(FlowIndex index, Time now);
  std::pair<FlowIndex, Removal> victim_for_eviction() const;
  std::optional<Due> next_due() const;
  std::uint8_t list_of(const Flow& flow) const;
  void append(std::uint8_t list, FlowIndex index);
  void unlink(std::uint8_t list, FlowIndex index);
  void note_size();
  void link_port(FlowIndex index);
  void unlink_port(FlowIndex index);

  FlowLimits limits_;
  std::pmr::memory_resource* memory_;
  std::vector<Flow*> chunks_;
  std::vector<std::unique_ptr<FlowDetail[]>> details_;
  std::vector<FlowIndex> free_;
  std::uint32_t used_ = 0;  // places handed out so far, free ones included
  std::uint32_t size_ = 0;
  std::uint32_t ended_ = 0;
  std::uint64_t last_id_ = 0;
  std::uint8_t list_count_ = kProtocols;
  std::array<Ends, kMaxLists> lists_;
  std::array<Duration, kMaxLists> timeouts_{};  // in force
  std::array<Duration, kMaxLists> relaxed_{};   // without pressure
  std::array<std::uint8_t, 256> list_of_protocol_{};
  std::uint32_t step_begins_ = 0;  // sizes between which the step in force stays
  std::uint32_t step_ends_ = 0;
  std::vector<FlowIndex> ports_;  // the first UDP flow of each local port; empty before the first
  TupleIndex by_tuple_;
};

}  // namespace tollgate
