// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/huge_pages.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <memory>
#include <new>

namespace tollgate {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kArena = kHugePage;
// Larger requests are mapped, and given back, by themselves.
constexpr std::size_t kLarge = kArena / 4;

std::size_t in_huge_pages(std::size_t bytes) { return (bytes + kHugePage - 1) / kHugePage * kHugePage; }

// Whole huge pages, aligned as such: what is mapped around them is given back at once.
void* map(std::size_t bytes) {
  const std::size_t wanted = in_huge_pages(bytes);
  void* const mapped =
      mmap(nullptr, wanted + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc{};
  const auto begin = reinterpret_cast<std::uintptr_t>(mapped);
  const std::uintptr_t aligned = (begin + kHugePage - 1) / kHugePage * kHugePage;
  if (aligned != begin) munmap(mapped, aligned - begin);
  munmap(reinterpret_cast<void*>(aligned + wanted), begin + kHugePage - aligned);
  void* const place = reinterpret_cast<void*>(aligned);
  madvise(place, wanted, MADV_HUGEPAGE);  // refused: small pages do as well
  return place;
}

}  // namespace

HugePageMemory::~HugePageMemory() {
  for (void* arena : arenas_) munmap(arena, kArena);
}

void* HugePageMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  if (bytes >= kLarge) return map(bytes);
  void* place = next_;
  if (place == nullptr || std::align(alignment, bytes, place, left_) == nullptr) {
    arenas_.reserve(arenas_.size() + 1);
    place = map(kArena);
    arenas_.push_back(place);
    left_ = kArena;
  }
  next_ = static_cast<std::byte*>(place) + bytes;
  left_ -= bytes;
  return place;
}

void HugePageMemory::do_deallocate(void* place, std::size_t bytes, std::size_t) {
  if (bytes >= kLarge) munmap(place, in_huge_pages(bytes));
}

}  // namespace tollgate
