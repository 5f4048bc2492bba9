// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "tollgate/flow/flow.hpp"

namespace tollgate {

// Hash → place in the flow table: eight bytes a slot, open addressing, linear probing. A look-up costs
// one cache miss here and one in the flow that it finds, and there is no third: that is why it is our
// own. The keys stand in the flows; what differs there is told by the caller's `same`.
//
// Slots are ordered by the upper bits of the hash, so that growing reads and writes in order; deletion
// shifts back and leaves no tombstones. At most 5/8 of the slots are used.
class TupleIndex {
 public:
  explicit TupleIndex(std::pmr::memory_resource* memory) : slots_{memory} {}

  // The first place with this hash for which same(place) holds; kNoFlow when there is none.
  template <class Same>
  FlowIndex find(std::uint32_t hash, Same&& same) const {
    if (slots_.empty()) return kNoFlow;
    for (std::size_t at = home(hash); slots_[at].place != kNoFlow; at = (at + 1) & mask()) {
      if (slots_[at].hash == hash && same(slots_[at].place)) return slots_[at].place;
    }
    return kNoFlow;
  }

  // Fetches what `find` will look at first. The second gives the likely place, kNoFlow for none.
  void prefetch(std::uint32_t hash) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[home(hash)]);
  }
  FlowIndex likely(std::uint32_t hash) const {
    return find(hash, [](FlowIndex) { return true; });
  }

  // `place` must not be there yet.
  void insert(std::uint32_t hash, FlowIndex place);
  // `place` must be there with this hash.
  void erase(std::uint32_t hash, FlowIndex place);

  std::uint32_t size() const { return size_; }
  std::size_t memory() const { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    FlowIndex place = kNoFlow;  // kNoFlow: free
    std::uint32_t hash = 0;
  };

  std::size_t mask() const { return slots_.size() - 1; }
  std::size_t home(std::uint32_t hash) const { return hash >> shift_; }
  void put(std::uint32_t hash, FlowIndex place);
  void grow();

  std::pmr::vector<Slot> slots_;  // empty, or a power of two
  unsigned shift_ = 32;           // 32 - log2 of the slots
  std::uint32_t size_ = 0;
};

}  // namespace tollgate
