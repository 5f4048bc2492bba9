// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <bit>
#include <cstdint>
#include <string>

#include "tollgate/flow/verdict.hpp"

namespace tollgate {

// Our fields of the mark as both dialects write them: eight hexadecimal digits.
class MarkField {
 public:
  // `interface_mask`: the field of the ct mark that says by which interface a flow was accepted.
  explicit MarkField(std::uint32_t mask, std::uint32_t interface_mask = 0)
      : mask_{mask}, interface_mask_{interface_mask} {}

  std::string mask() const { return hex(mask_); }
  std::string others() const { return hex(~mask_); }
  std::string value(FlowMark mark) const { return hex(bits(mark)); }

  // Both fields at once; slot 0: accepted, by whichever interface is not known.
  std::string both() const { return hex(mask_ | interface_mask_); }
  std::string accepted_by(std::uint32_t slot) const { return hex(bits(FlowMark::accept) | bits(slot)); }
  std::string interface_mask() const { return hex(interface_mask_); }
  std::string other_than_interface() const { return hex(~interface_mask_); }
  std::string slot(std::uint32_t slot) const { return hex(bits(slot)); }

 private:
  static std::string hex(std::uint32_t bits);
  std::uint32_t bits(FlowMark mark) const {
    return static_cast<std::uint32_t>(mark) << std::countr_zero(mask_);
  }
  std::uint32_t bits(std::uint32_t slot) const { return slot << std::countr_zero(interface_mask_); }

  std::uint32_t mask_;
  std::uint32_t interface_mask_;
};

}  // namespace tollgate
