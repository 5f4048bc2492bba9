// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace tollgate {

// A counter for each value of an enum that ends in `count_`.
template <class Enum>
class EnumCounters {
 public:
  static constexpr std::size_t kSize = static_cast<std::size_t>(Enum::count_);
  void add(Enum which, std::uint64_t amount = 1) { values_[static_cast<std::size_t>(which)] += amount; }
  std::uint64_t operator[](Enum which) const { return values_[static_cast<std::size_t>(which)]; }
  friend EnumCounters sum(EnumCounters a, const EnumCounters& b) {
    for (std::size_t i = 0; i < kSize; ++i) a.values_[i] += b.values_[i];
    return a;
  }
  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (std::uint64_t value : values_) sum += value;
    return sum;
  }

 private:
  std::array<std::uint64_t, kSize> values_{};
};

}  // namespace tollgate
