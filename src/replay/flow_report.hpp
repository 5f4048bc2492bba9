// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>

#include "tollgate/engine/effect.hpp"

namespace tollgate {

// Puts flows, which end in any order, back into the order in which they began. A flow waits here
// until all that began before it have ended; when more than `limit` would wait, the oldest that
// waits goes ahead of those that still live.
class FlowReport {
 public:
  using Emit = std::function<void(const FlowChanged&)>;

  FlowReport(std::size_t limit, Emit emit) : limit_{limit}, emit_{std::move(emit)} {}

  void opened(const Flow& flow) { alive_.insert(flow.id.value); }
  void left(FlowChanged last);  // as it was at its end
  // Nothing lives any more: everything that waits goes.
  void finish();

  std::uint64_t emitted() const { return emitted_; }

 private:
  void emit_first();

  std::size_t limit_;
  Emit emit_;
  std::set<std::uint64_t> alive_;
  std::map<std::uint64_t, FlowChanged> waiting_;  // by id, which is the order of beginning
  std::uint64_t emitted_ = 0;
};

}  // namespace tollgate
