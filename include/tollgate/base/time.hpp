// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>

namespace tollgate {

using Duration = std::chrono::nanoseconds;

// The one clock of the core, and nobody in the core can read it: the shell tells the time with each
// event. It counts nanoseconds since the Unix epoch and never goes backwards: the daemon gives its
// steady clock plus an offset fixed at start, replay gives the capture's time, tests give any.
struct EngineClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<EngineClock>;
  static constexpr bool is_steady = true;
};

using Time = EngineClock::time_point;

inline std::int64_t unix_nanoseconds(Time time) { return time.time_since_epoch().count(); }
inline double unix_seconds(Time time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

}  // namespace tollgate
