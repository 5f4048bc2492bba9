// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "tollgate/base/known.hpp"
#include "tollgate/base/time.hpp"
#include "tollgate/flow/flow.hpp"
#include "tollgate/process/process.hpp"

namespace tollgate {

// Whose a flow is, as far as that is known.
struct FlowOwner {
  enum class State : std::uint8_t {
    unknown,  // and will not be known: `why`
    awaited,  // somebody looks
    known,
  };
  State state = State::unknown;
  NoProcess why = NoProcess::not_asked;
  ProcessPointer process;
  bool hash_awaited = false;  // a known process's: somebody computes it

  // For as long as the process stays here.
  Known<const Process*> evidence() const;
};

// The owners of flows, by the flows' places, and until when they are awaited.
class FlowOwners {
 public:
  // Never asked for: unknown.
  const FlowOwner& at(FlowIndex index) const;
  // Deadlines have to come in order.
  void await(const FlowRef& flow, Time deadline);
  // What it awaits is settled with that, but for a hash.
  void set(FlowIndex index, FlowOwner owner);
  // Its deadline has not passed.
  bool waits(FlowIndex index) const;
  void forget(FlowIndex index);

  std::optional<Time> next_deadline() const;
  // A flow whose deadline has passed and that still waits.
  std::optional<FlowIndex> overdue(Time now) const;

 private:
  struct Deadline {
    Time when;
    FlowRef flow;
  };
  struct Place {
    FlowId awaits;  // that flow's answer; 0: none's
    FlowOwner owner;
  };
  void settle(FlowIndex index);

  std::vector<Place> places_;
  std::deque<Deadline> deadlines_;  // the first is of a flow that still waits
};

}  // namespace tollgate
