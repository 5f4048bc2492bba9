// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/flow_report.hpp"

namespace tollgate {

void FlowReport::left(FlowChanged last) {
  const std::uint64_t id = last.flow.id.value;
  alive_.erase(id);
  waiting_.emplace(id, std::move(last));
  while (!waiting_.empty()) {
    const bool in_order = alive_.empty() || waiting_.begin()->first < *alive_.begin();
    if (!in_order && waiting_.size() <= limit_) break;
    emit_first();
  }
}

void FlowReport::finish() {
  alive_.clear();
  while (!waiting_.empty()) emit_first();
}

void FlowReport::emit_first() {
  const auto first = waiting_.extract(waiting_.begin());
  ++emitted_;
  emit_(first.mapped());
}

}  // namespace tollgate
