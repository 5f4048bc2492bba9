// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <unordered_set>

#include "tollgate/engine/engine.hpp"

namespace tollgate::test {

// An engine whose promises are checked at every event: each queued packet gets exactly one verdict,
// what waits and what is remembered stays within its bounds, deadlines lie in the future once the
// time has passed. Throws std::logic_error at the first one that is broken.
class EngineChecker {
 public:
  EngineChecker(const EngineOptions& options, PolicyPointer policy, Engine::Decide decide)
      : options_{options}, engine_{options, std::move(policy), std::move(decide)} {
    engine_.watch_changes(true);
  }

  // The effects are good until the next call.
  const Effects& handle(const Event& event, Time now) {
    effects_.clear();
    if (std::holds_alternative<TimePassed>(event)) {
      // What takes long is done in slices: a quiet loop does one after the other.
      for (int slice = 0; slice < 1000 && slices_left(now); ++slice) engine_.handle(event, now, effects_);
    }
    if (const auto* packet = std::get_if<PacketQueued>(&event)) waiting_.insert(key(packet->id));
    engine_.handle(event, now, effects_);
    for (const PacketVerdict& verdict : effects_.verdicts) {
      require(waiting_.erase(key(verdict.packet)) == 1, "a verdict for a packet that does not wait");
      count(verdict);
    }
    require(waiting_.size() == engine_.pending_packets(), "a packet without a verdict that does not wait");
    require(engine_.pending_packets() <= options_.pending.max_packets, "too many packets wait");
    require(engine_.flows().size() <= options_.flows.max_flows, "too many flows");
    require(engine_.pending_flows() <= engine_.pending_packets(), "a flow waits without a packet");
    require(engine_.flows().ended() <= engine_.flows().size(), "more ended than there are");
    if (std::holds_alternative<TimePassed>(event)) {
      const auto next = engine_.next_deadline();
      require(!next || *next > now, "a deadline has passed and nothing was done");
    }
    return effects_;
  }

  const Engine& engine() const { return engine_; }
  std::size_t waiting() const { return waiting_.size(); }
  // Of all verdicts in their order: the same seed gives the same trace.
  std::uint64_t trace() const { return trace_; }

 private:
  bool slices_left(Time now) const {
    const auto next = engine_.next_deadline();
    return next && *next <= now;
  }
  static std::uint64_t key(PacketId id) { return std::uint64_t{id.queue} << 32 | id.id; }
  static void require(bool truth, const char* what) {
    if (!truth) throw std::logic_error{what};
  }
  void count(const PacketVerdict& verdict) {
    for (const std::uint64_t word : {key(verdict.packet), static_cast<std::uint64_t>(verdict.action),
                                     static_cast<std::uint64_t>(verdict.mark)}) {
      trace_ = (trace_ ^ word) * 0x100000001b3U;  // FNV-1a
    }
  }

  EngineOptions options_;
  Engine engine_;
  Effects effects_;
  std::unordered_set<std::uint64_t> waiting_;
  std::uint64_t trace_ = 0xcbf29ce484222325U;
};

}  // namespace tollgate::test
