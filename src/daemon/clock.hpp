// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>

#include "tollgate/base/time.hpp"

namespace tollgate {

// The daemon's time: a steady clock that began at the wall clock's time. Setting the wall clock moves
// no deadline; what is shown to people may be off by as much as it was set since the start.
class Clock {
 public:
  Time now() const {
    return Time{offset_ +
                std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
  }
  // For timers of the event loop.
  std::chrono::steady_clock::time_point steady(Time time) const {
    return std::chrono::steady_clock::time_point{
        std::chrono::duration_cast<std::chrono::steady_clock::duration>(time.time_since_epoch() - offset_)};
  }

 private:
  Duration offset_ =
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()) -
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch());
};

}  // namespace tollgate
