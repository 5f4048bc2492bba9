// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <utility>

#include "tollgate/record/record.hpp"

namespace tollgate {

RecordLimiter::RecordLimiter(std::uint32_t rate, std::uint32_t burst)
    : rate_{static_cast<double>(rate)}, burst_{static_cast<double>(burst)}, tokens_{burst_} {}

bool RecordLimiter::admit(Time now) {
  if (now > last_) {
    const double seconds = std::chrono::duration<double>(now - last_).count();
    tokens_ = std::min(burst_, tokens_ + seconds * rate_);
    last_ = now;
  }
  if (tokens_ >= 1) {
    tokens_ -= 1;
    return true;
  }
  ++suppressed_;
  ++total_;
  return false;
}

std::uint64_t RecordLimiter::take_suppressed() { return std::exchange(suppressed_, 0); }

}  // namespace tollgate
