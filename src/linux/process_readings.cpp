// SPDX-License-Identifier: GPL-2.0-or-later
#include "process_readings.hpp"

#include <utility>

namespace tollgate {

ProcessPointer ProcessReadings::find(std::uint32_t pid, Clock::time_point now) const {
  const auto found = by_pid_.find(pid);
  if (found == by_pid_.end() || now - found->second.when >= kGood) return nullptr;
  if (!told_ && !found->second.run.goes_on()) return nullptr;
  return found->second.process;
}

void ProcessReadings::begin(std::uint32_t pid) {
  reading_ = pid;
  disturbed_ = false;
  if (!told_) run_ = ProgramRun{pid};
}

bool ProcessReadings::disturbed() const { return disturbed_ || (!told_ && !run_.goes_on()); }

void ProcessReadings::end(ProcessPointer process, Clock::time_point now) {
  if (by_pid_.size() >= kMost) by_pid_.clear();
  const std::uint32_t pid = process->id.pid;
  by_pid_.insert_or_assign(pid, Reading{std::move(process), now, std::move(run_)});
}

void ProcessReadings::forget(std::uint32_t pid) {
  if (pid == reading_) disturbed_ = true;
  by_pid_.erase(pid);
}

void ProcessReadings::forget_all() {
  disturbed_ = true;
  by_pid_.clear();
}

}  // namespace tollgate
