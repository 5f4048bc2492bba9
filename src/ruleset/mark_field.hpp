// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <bit>
#include <cstdint>
#include <string>

#include "tollgate/flow/verdict.hpp"

namespace tollgate {

// Our field of the mark as both dialects write it: eight hexadecimal digits.
class MarkField {
 public:
  explicit MarkField(std::uint32_t mask) : mask_{mask} {}

  std::string mask() const { return hex(mask_); }
  std::string others() const { return hex(~mask_); }
  std::string value(FlowMark mark) const {
    return hex(static_cast<std::uint32_t>(mark) << std::countr_zero(mask_));
  }

 private:
  static std::string hex(std::uint32_t bits);

  std::uint32_t mask_;
};

}  // namespace tollgate
