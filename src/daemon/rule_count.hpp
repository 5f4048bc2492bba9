// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>

namespace tollgate {

// A count that goes on when the rule that counts is loaded anew and begins at 0 again.
class RuleCount {
 public:
  // What the rule says now; nullopt: nothing. Returns all since the first time.
  std::optional<std::uint64_t> update(std::optional<std::uint64_t> now) {
    if (!now) return std::nullopt;
    if (*now < last_) before_ += last_;
    last_ = *now;
    return before_ + last_;
  }

 private:
  std::uint64_t before_ = 0, last_ = 0;
};

}  // namespace tollgate
