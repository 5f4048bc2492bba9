// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <memory_resource>
#include <utility>
#include <vector>

namespace tollgate {

// Memory for tables that are large and looked at in random order. It asks the kernel for huge pages
// (madvise(2), MADV_HUGEPAGE): among a million flows most of a look-up is waiting for the page tables.
// Without them it is ordinary memory. What is small is given back at the end only.
class HugePageMemory final : public std::pmr::memory_resource {
 public:
  HugePageMemory() = default;
  ~HugePageMemory() override;
  HugePageMemory(const HugePageMemory&) = delete;
  HugePageMemory& operator=(const HugePageMemory&) = delete;

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* place, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  std::vector<void*> arenas_;  // of kArena bytes each
  std::byte* next_ = nullptr;  // free part of the last arena
  std::size_t left_ = 0;
};

}  // namespace tollgate
