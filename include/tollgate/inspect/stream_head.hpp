// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tollgate {

// The first bytes of a stream, put together from stretches that come in any order, twice, or
// overlapping. Takes no more than `limit` bytes past what was consumed, and keeps at most
// kMaxStretches apart: a stretch past either is not taken, as if it had been lost on the way.
class StreamHead {
 public:
  static constexpr std::size_t kMaxStretches = 16;

  explicit StreamHead(std::size_t limit) : limit_{limit} {}

  enum class Added : std::uint8_t {
    grown,     // there is more to read from the beginning
    stored,    // kept until what is missing before it comes, or known already
    beyond,    // not, or not all of it, taken: a bound is reached
    conflict,  // says otherwise than what was there: two readers of this stream would disagree
  };
  // `offset` counts from the beginning of the stream. In a conflict nothing is changed.
  Added add(std::uint64_t offset, std::span<const std::uint8_t> bytes);

  // Everything from the beginning (behind what was consumed) up to the first gap. Good until the next
  // add or consume.
  std::span<const std::uint8_t> prefix() const;
  // Forgets the first `count` bytes of the prefix.
  void consume(std::size_t count);

  std::uint64_t consumed() const { return consumed_; }
  // All that it may hold is there.
  bool full() const { return prefix().size() == limit_; }

 private:
  struct Stretch {  // of bytes_, disjoint and not touching, in order
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  bool agrees(std::size_t begin, std::span<const std::uint8_t> bytes) const;
  bool insert(std::size_t begin, std::size_t end);

  std::size_t limit_;
  std::uint64_t consumed_ = 0;
  std::vector<std::uint8_t> bytes_;
  std::vector<Stretch> stretches_;
};

}  // namespace tollgate
