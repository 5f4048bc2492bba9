// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace tollgate {

// Ascending keys with a quick search. Every 64th key stands in an array of its own: the first half
// of a search stays in a few cache lines even among a million keys.
template <class Key>
class SortedKeys {
 public:
  SortedKeys() = default;
  explicit SortedKeys(std::vector<Key> ascending) : keys_{std::move(ascending)} {
    keys_.shrink_to_fit();
    if (keys_.size() <= kStep) return;
    for (std::size_t i = 0; i < keys_.size(); i += kStep) samples_.push_back(keys_[i]);
  }

  friend bool operator==(const SortedKeys& a, const SortedKeys& b) { return a.keys_ == b.keys_; }
  std::size_t size() const { return keys_.size(); }
  const Key& operator[](std::size_t index) const { return keys_[index]; }
  std::size_t bytes() const { return (keys_.capacity() + samples_.capacity()) * sizeof(Key); }

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  // Index of the greatest key that is not above `key`; kNone when all are.
  std::size_t last_not_above(const Key& key) const {
    if (keys_.empty() || key < keys_.front()) return kNone;
    if (samples_.empty()) return search(keys_.data(), keys_.size(), key);
    const std::size_t from = search(samples_.data(), samples_.size(), key) * kStep;
    return from + search(keys_.data() + from, std::min(kStep, keys_.size() - from), key);
  }

 private:
  static constexpr std::size_t kStep = 64;

  // The first key is not above `key`. Written so that compilers make no branch of the comparison.
  static std::size_t search(const Key* keys, std::size_t count, const Key& key) {
    const Key* base = keys;
    while (count > 1) {
      const std::size_t half = count / 2;
      base = base[half] <= key ? base + half : base;
      count -= half;
    }
    return static_cast<std::size_t>(base - keys);
  }

  std::vector<Key> keys_;
  std::vector<Key> samples_;
};

}  // namespace tollgate
