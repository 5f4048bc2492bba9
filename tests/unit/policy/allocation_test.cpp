// SPDX-License-Identifier: GPL-2.0-or-later
// match() allocates nothing: this program counts every allocation.
#include <cstddef>
#include <cstdlib>
#include <new>

#include "catch.hpp"
#include "random_policy.hpp"

namespace {
std::size_t allocations = 0;
}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc{};
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}
// Not inlined: g++ 12 would see free() given what it takes for another operator new's.
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace tollgate {
namespace {

TEST_CASE("match allocates nothing") {
  RandomWorld world{11};
  const CompiledPolicy policy{world.parts(300)};
  std::size_t matched = 0;
  const std::size_t while_building = allocations;
  CHECK(while_building > 300);  // the count counts
  for (int i = 0; i < 2000; ++i) {
    const Evidence seen = world.evidence();
    const std::size_t before = allocations;
    matched += policy.match(seen).match == Match::no ? 0U : 1U;
    const std::size_t after = allocations;
    if (after != before) FAIL(i);
  }
  CHECK(matched > 0);
}

}  // namespace
}  // namespace tollgate
