// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "tollgate/base/ids.hpp"
#include "tollgate/flow/five_tuple.hpp"
#include "tollgate/flow/flow.hpp"
#include "tollgate/flow/verdict.hpp"
#include "tollgate/record/record.hpp"

namespace tollgate {

// What becomes of one queued packet. Every PacketQueued gets exactly one, now or later.
struct PacketVerdict {
  enum class Action : std::uint8_t {
    pass,    // goes on, to whatever `mark` says
    refuse,  // dropped, and its sender is told
    drop,
  };
  PacketId packet;
  Action action = Action::pass;
  // To be put into the flow's ct mark with it; undecided leaves the ct mark alone.
  FlowMark mark = FlowMark::undecided;
  friend bool operator==(const PacketVerdict&, const PacketVerdict&) = default;
};

// Write this flow's ct mark by itself, after the verdicts: no packet of it carries it there.
struct SetMark {
  FiveTuple tuple;  // original direction
  FlowMark mark = FlowMark::undecided;
  friend bool operator==(const SetMark&, const SetMark&) = default;
};

// For those who watch.
struct FlowChanged {
  enum class Kind : std::uint8_t { opened, decided, ended, removed };
  Kind kind = Kind::opened;
  Flow flow;
};

// What the core wants done, in this order within each list; verdicts before marks. The shell does
// it, then clears it; the vectors keep their capacity.
struct Effects {
  std::vector<PacketVerdict> verdicts;
  std::vector<SetMark> marks;
  std::vector<Record> records;
  std::vector<FlowChanged> changes;

  void clear() {
    verdicts.clear();
    marks.clear();
    records.clear();
    changes.clear();
  }
};

}  // namespace tollgate
