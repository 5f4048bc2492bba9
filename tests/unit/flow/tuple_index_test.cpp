// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/flow/tuple_index.hpp"

#include <map>
#include <random>

#include "catch.hpp"

using namespace tollgate;

namespace {

FlowIndex find(const TupleIndex& index, std::uint32_t hash, FlowIndex place) {
  return index.find(hash, [&](FlowIndex at) { return at == place; });
}

}  // namespace

TEST_CASE("equal hashes are told apart by the caller") {
  TupleIndex index{std::pmr::get_default_resource()};
  CHECK(find(index, 7, 1) == kNoFlow);
  index.insert(7, 1);
  index.insert(7, 2);
  CHECK(find(index, 7, 1) == 1);
  CHECK(find(index, 7, 2) == 2);
  CHECK(find(index, 7, 3) == kNoFlow);
  CHECK(find(index, 8, 1) == kNoFlow);
  index.erase(7, 1);
  CHECK(find(index, 7, 1) == kNoFlow);
  CHECK(find(index, 7, 2) == 2);
  CHECK(index.size() == 1);
}

TEST_CASE("what stands past the end of the table is found at its beginning") {
  TupleIndex index{std::pmr::get_default_resource()};
  for (FlowIndex place = 0; place < 100; ++place) index.insert(0xffffffff, place);
  for (FlowIndex place = 0; place < 100; place += 2) index.erase(0xffffffff, place);
  for (FlowIndex place = 0; place < 100; ++place) {
    CHECK(find(index, 0xffffffff, place) == (place % 2 == 0 ? kNoFlow : place));
  }
}

TEST_CASE("random insertions and deletions, with many equal and neighbouring hashes, agree with a map") {
  std::mt19937 random{3};
  for (const std::uint32_t spread : {16U, 4096U, 0xffffffffU}) {
    TupleIndex index{std::pmr::get_default_resource()};
    std::map<FlowIndex, std::uint32_t> model;
    for (int step = 0; step < 60'000; ++step) {
      const FlowIndex place = static_cast<FlowIndex>(random() % 3000);
      const auto known = model.find(place);
      if (known == model.end()) {
        // High bits decide the home: small spreads crowd one corner.
        const std::uint32_t hash = static_cast<std::uint32_t>(random()) % spread << (spread < 5000 ? 20 : 0);
        index.insert(hash, place);
        model[place] = hash;
      } else {
        REQUIRE(find(index, known->second, place) == place);
        if (random() % 2 == 0) {
          index.erase(known->second, place);
          REQUIRE(find(index, known->second, place) == kNoFlow);
          model.erase(known);
        }
      }
      REQUIRE(index.size() == model.size());
    }
    for (const auto& [place, hash] : model) REQUIRE(find(index, hash, place) == place);
  }
}
