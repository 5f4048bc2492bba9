// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace tollgate {

// A hash of bytes for tables whose keys strangers choose: without the seed nobody can choose keys that
// fall together. Not for anything that is stored or sent.
class SeededHash {
 public:
  explicit SeededHash(std::uint64_t seed) : state_{seed ^ kOdd} {}

  SeededHash& add(std::uint64_t word) {
    state_ = mix(state_ ^ word);
    return *this;
  }
  SeededHash& add(std::span<const std::uint8_t> bytes) {
    std::size_t at = 0;
    for (; bytes.size() - at >= sizeof(std::uint64_t); at += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + at, sizeof(word));
      add(word);
    }
    std::uint64_t tail = 0;
    if (at < bytes.size()) std::memcpy(&tail, bytes.data() + at, bytes.size() - at);
    // The length keeps "a" and "a\0" apart.
    return add(tail).add(bytes.size());
  }
  SeededHash& add(std::string_view text) {
    return add(std::span{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  std::size_t value() const { return static_cast<std::size_t>(mix(state_)); }

 private:
  static constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;  // 2^64 / the golden ratio
  // The finalizer of splitmix64 (Steele, Lea, Flood 2014).
  static constexpr std::uint64_t mix(std::uint64_t word) {
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
    word = (word ^ word >> 27) * 0x94d049bb133111eb;
    return word ^ word >> 31;
  }
  std::uint64_t state_;
};

}  // namespace tollgate
