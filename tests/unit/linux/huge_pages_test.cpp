// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/huge_pages.hpp"

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "catch.hpp"

using namespace tollgate;

TEST_CASE("every piece is aligned, whole and its own") {
  HugePageMemory memory;
  struct Piece {
    unsigned char* place;
    std::size_t bytes, alignment;
    unsigned char fill;
  };
  std::vector<Piece> pieces;
  std::mt19937 random{5};
  for (int i = 0; i < 300; ++i) {
    const std::size_t alignment = std::size_t{1} << random() % 13;
    const std::size_t bytes = i % 20 == 0 ? (1 << 20) + random() % (4 << 20) : 1 + random() % 200'000;
    auto* const place = static_cast<unsigned char*>(memory.allocate(bytes, alignment));
    REQUIRE(reinterpret_cast<std::uintptr_t>(place) % alignment == 0);
    const auto fill = static_cast<unsigned char>(i);
    std::memset(place, fill, bytes);
    pieces.push_back({place, bytes, alignment, fill});
    if (random() % 4 == 0) {
      const std::size_t gone = random() % pieces.size();
      memory.deallocate(pieces[gone].place, pieces[gone].bytes, pieces[gone].alignment);
      pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(gone));
    }
  }
  for (const Piece& piece : pieces) {
    REQUIRE(piece.place[0] == piece.fill);
    REQUIRE(piece.place[piece.bytes - 1] == piece.fill);
    memory.deallocate(piece.place, piece.bytes, piece.alignment);
  }
}

TEST_CASE("what starts a new arena is what did not fit into the old one") {
  HugePageMemory memory;
  auto* const first = static_cast<unsigned char*>(memory.allocate(400'000, 64));
  auto* const second = static_cast<unsigned char*>(memory.allocate(400'000, 64));
  CHECK(second >= first + 400'000);
  CHECK(second < first + (2 << 20));
  for (int i = 0; i < 20; ++i) std::memset(memory.allocate(400'000, 64), 1, 400'000);
  first[0] = 7;
  CHECK(first[0] == 7);
}
