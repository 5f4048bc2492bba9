// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/flow/tuple_index.hpp"

#include <cassert>
#include <utility>

namespace tollgate {
namespace {

constexpr std::size_t kFirstSlots = 256;
constexpr unsigned kFirstShift = 24;

}  // namespace

void TupleIndex::insert(std::uint32_t hash, FlowIndex place) {
  if (std::size_t{size_} * 8 >= slots_.size() * 5) grow();
  put(hash, place);
  ++size_;
}

void TupleIndex::put(std::uint32_t hash, FlowIndex place) {
  std::size_t at = home(hash);
  while (slots_[at].place != kNoFlow) at = (at + 1) & mask();
  slots_[at] = {place, hash};
}

void TupleIndex::grow() {
  std::pmr::vector<Slot> old{slots_.get_allocator()};
  old.swap(slots_);
  slots_.resize(old.empty() ? kFirstSlots : old.size() * 2);
  shift_ = old.empty() ? kFirstShift : shift_ - 1;
  for (const Slot& slot : old) {
    if (slot.place != kNoFlow) put(slot.hash, slot.place);
  }
}

void TupleIndex::erase(std::uint32_t hash, FlowIndex place) {
  std::size_t hole = home(hash);
  while (slots_[hole].place != place) {
    assert(slots_[hole].place != kNoFlow);
    hole = (hole + 1) & mask();
  }
  // Whoever stands behind the hole and could not stand at home moves up, or it would not be found.
  for (std::size_t at = (hole + 1) & mask(); slots_[at].place != kNoFlow; at = (at + 1) & mask()) {
    const std::size_t from_home = (at - home(slots_[at].hash)) & mask();
    if (from_home < ((at - hole) & mask())) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = Slot{};
  --size_;
}

}  // namespace tollgate
