// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/process/process_table.hpp"

#include <iterator>
#include <utility>

namespace tollgate {

ProcessPointer ProcessTable::find(const ProcessId& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  order_.splice(order_.end(), order_, found->second);
  return *found->second;
}

ProcessPointer ProcessTable::keep(Process process) {
  const ProcessId id = process.id;
  if (const auto found = by_id_.find(id); found != by_id_.end()) {
    order_.splice(order_.end(), order_, found->second);
    *found->second = std::make_shared<const Process>(std::move(process));
    return *found->second;
  }
  if (by_id_.size() >= limit_ && !make_room()) {
    ++refused_;
    return nullptr;
  }
  order_.push_back(std::make_shared<const Process>(std::move(process)));
  by_id_.emplace(id, std::prev(order_.end()));
  return order_.back();
}

void ProcessTable::forget(const ProcessId& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  order_.erase(found->second);
  by_id_.erase(found);
}

// What is held goes to the end, so that the next search begins behind it.
bool ProcessTable::make_room() {
  for (int looks = 0; looks < kMostLooks && !order_.empty(); ++looks) {
    if (order_.front().use_count() == 1) {
      by_id_.erase(order_.front()->id);
      order_.pop_front();
      return true;
    }
    order_.splice(order_.end(), order_, order_.begin());
  }
  return false;
}

}  // namespace tollgate
