// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "linux/proc_reader.hpp"
#include "tollgate/process/process.hpp"

namespace tollgate {

// What was read of processes that run. It is good for a second at most: nobody tells of a new working
// directory, cgroup or parent. Within that it is good as long as nothing happens to the process: where
// somebody tells of what happens (ProcessEvents), until forget(); else as long as the same program runs.
class ProcessReadings {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kGood{1};
  static constexpr std::size_t kMost = 128;  // when it is full all are forgotten

  // `told`: that somebody tells of what happens to processes.
  explicit ProcessReadings(bool told = false) : told_{told} {}

  // nullptr when it has to be read.
  ProcessPointer find(std::uint32_t pid, Clock::time_point now) const;
  // Around a reading. What happens in between disturbs it.
  void begin(std::uint32_t pid);
  bool disturbed() const;
  void end(ProcessPointer process, Clock::time_point now);

  void forget(std::uint32_t pid);
  void forget_all();

 private:
  struct Reading {
    ProcessPointer process;
    Clock::time_point when;
    ProgramRun run;  // where nobody tells
  };
  bool told_;
  std::unordered_map<std::uint32_t, Reading> by_pid_;
  std::uint32_t reading_ = 0;
  ProgramRun run_;
  bool disturbed_ = false;
};

}  // namespace tollgate
