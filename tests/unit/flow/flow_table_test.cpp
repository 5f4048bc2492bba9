// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/flow/flow_table.hpp"

#include <map>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "catch.hpp"

using namespace tollgate;
using namespace std::chrono_literals;

namespace {

constexpr Time kStart{1'000'000s};

FiveTuple numbered(std::uint32_t n, Protocol protocol = Protocol::tcp) {
  FiveTuple tuple;
  tuple.source = {10, 0, 0, 1};
  tuple.destination = {10, static_cast<std::uint8_t>(n >> 16), static_cast<std::uint8_t>(n >> 8),
                       static_cast<std::uint8_t>(n)};
  tuple.source_port = 1000;
  tuple.destination_port = 80;
  tuple.protocol = protocol;
  return tuple;
}

struct Removals {
  std::vector<std::pair<FiveTuple, Removal>> seen;
  void operator()(FlowIndex, const Flow& flow, Removal why) { seen.emplace_back(flow.tuple, why); }
};

FlowIndex put(FlowTable& table, const FiveTuple& tuple, Time now) {
  Removals none;
  const FlowIndex index = table.insert(FlowKey{tuple}, tuple, Direction::outbound, now, none);
  REQUIRE(none.seen.empty());
  return index;
}

FlowLimits limits() { return FlowLimits{}; }

// Nobody is asked, and there is no end to the patience.
template <class OnRemoved>
void expire(FlowTable& table, Time now, OnRemoved&& removed) {
  table.expire(now, 1'000'000, removed, [](FlowIndex, const Flow&) { return false; });
}

}  // namespace

TEST_CASE("a flow is found from both ends, and nothing else is") {
  FlowTable table{limits()};
  const FlowIndex index = put(table, numbered(1), kStart);
  CHECK(table.find(FlowKey{numbered(1)}) == index);
  CHECK(table.find(FlowKey{numbered(1).reversed()}) == index);
  CHECK(table.find(FlowKey{numbered(2)}) == kNoFlow);
  CHECK(table.at(index).first_seen == kStart);
  CHECK(table.find(table.at(index).id) == index);
  CHECK(table.find(FlowId{99}) == kNoFlow);
}

TEST_CASE("an ended flow goes one minute after its end, not before") {
  FlowTable table{limits()};
  const FlowIndex index = put(table, numbered(1), kStart);
  table.end(index, kStart + 5s);
  CHECK(table.ended() == 1);
  CHECK(table.next_deadline() == kStart + 65s);
  Removals removals;
  expire(table, kStart + 65s - 1ns, removals);
  CHECK(removals.seen.empty());
  expire(table, kStart + 65s, removals);
  REQUIRE(removals.seen.size() == 1);
  CHECK(removals.seen[0].second == Removal::lingered);
  CHECK(table.size() == 0);
  CHECK(table.ended() == 0);
  CHECK_FALSE(table.next_deadline().has_value());
}

TEST_CASE("the end counts once, and packets after it do not put it off") {
  FlowTable table{limits()};
  const FlowIndex index = put(table, numbered(1), kStart);
  table.end(index, kStart);
  table.touch(index, kStart + 30s);
  table.end(index, kStart + 30s);
  CHECK(table.next_deadline() == kStart + 60s);
  CHECK(table.at(index).last_active == kStart + 30s);
}

TEST_CASE("an idle flow goes ten minutes after its last packet") {
  FlowTable table{limits()};
  const FlowIndex index = put(table, numbered(1), kStart);
  table.touch(index, kStart + 3min);
  CHECK(table.next_deadline() == kStart + 13min);
  Removals removals;
  expire(table, kStart + 13min - 1ns, removals);
  CHECK(removals.seen.empty());
  expire(table, kStart + 13min, removals);
  REQUIRE(removals.seen.size() == 1);
  CHECK(removals.seen[0].second == Removal::idle);
}

TEST_CASE("each class has its own idle time") {
  FlowLimits some = limits();
  some.udp_idle_timeout = 2min;
  some.icmp_idle_timeout = 30s;
  FlowTable table{some};
  put(table, numbered(1), kStart);
  put(table, numbered(2, Protocol::udp), kStart);
  put(table, numbered(3, Protocol::icmp), kStart);
  Removals removals;
  expire(table, kStart + 30s, removals);
  REQUIRE(removals.seen.size() == 1);
  CHECK(removals.seen[0].first.protocol == Protocol::icmp);
  expire(table, kStart + 2min, removals);
  REQUIRE(removals.seen.size() == 2);
  CHECK(removals.seen[1].first.protocol == Protocol::udp);
  expire(table, kStart + 10min, removals);
  CHECK(removals.seen.size() == 3);
}

TEST_CASE("at the limit the oldest ended flow makes place, else the longest idle one") {
  FlowLimits small = limits();
  small.max_flows = 3;
  FlowTable table{small};
  const FlowIndex first = put(table, numbered(1), kStart);
  put(table, numbered(2), kStart + 1s);
  const FlowIndex third = put(table, numbered(3, Protocol::udp), kStart + 2s);
  table.touch(first, kStart + 3s);
  table.end(third, kStart + 4s);

  Removals removals;
  table.insert(FlowKey{numbered(4)}, numbered(4), Direction::outbound, kStart + 5s, removals);
  REQUIRE(removals.seen.size() == 1);
  CHECK(removals.seen[0] == std::pair{numbered(3, Protocol::udp), Removal::evicted_ended});
  table.insert(FlowKey{numbered(5)}, numbered(5), Direction::outbound, kStart + 6s, removals);
  REQUIRE(removals.seen.size() == 2);
  CHECK(removals.seen[1] == std::pair{numbered(2), Removal::evicted_idle});
  CHECK(table.size() == 3);
}

TEST_CASE("a scan in parts sees every flow that stays, once") {
  FlowTable table{limits()};
  for (std::uint32_t n = 0; n < 2500; ++n) put(table, numbered(n), kStart);
  std::multiset<std::uint64_t> seen;
  std::optional<FlowIndex> at = 0;
  std::uint32_t removed = 0;
  while (at) {
    at = table.scan(*at, 100, [&](FlowIndex, const Flow& flow) { seen.insert(flow.id.value); });
    // Flows go and come between the parts.
    const FlowIndex gone = table.find(FlowKey{numbered(2499 - removed++)});
    table.erase(gone);
    put(table, numbered(10'000 + removed), kStart);
  }
  for (std::uint64_t id = 1; id <= 2500 - removed; ++id) CHECK(seen.count(id) == 1);
}

TEST_CASE("places are used again but identities are not") {
  FlowTable table{limits()};
  const FlowIndex one = put(table, numbered(1), kStart);
  const FlowId id = table.at(one).id;
  table.erase(one);
  const FlowIndex other = put(table, numbered(1), kStart);
  CHECK(other == one);
  CHECK(table.at(other).id != id);
}

TEST_CASE("a flow costs at most 200 bytes, slack included") {
  FlowTable table{limits()};
  constexpr std::uint32_t kFlows = 200'000;
  for (std::uint32_t n = 0; n < kFlows; ++n) put(table, numbered(n), kStart);
  CHECK(table.memory() / kFlows <= 200);
}

TEST_CASE("two hundred thousand random operations agree with a simple model") {
  struct Known {
    Time active, ended;
    bool over = false;
    Protocol protocol;
  };
  FlowLimits small = limits();
  small.max_flows = 200;
  small.udp_idle_timeout = 90s;
  FlowTable table{small};
  std::map<std::uint32_t, Known> model;
  std::mt19937 random{7};
  Time now = kStart;
  const auto protocol_of = [](std::uint32_t n) { return n % 3 == 0 ? Protocol::udp : Protocol::tcp; };
  const auto number_of = [](const FiveTuple& tuple) {
    return static_cast<std::uint32_t>(tuple.destination[1]) << 16 |
           static_cast<std::uint32_t>(tuple.destination[2]) << 8 | tuple.destination[3];
  };
  for (int step = 0; step < 200'000; ++step) {
    now += std::chrono::milliseconds{random() % 500};
    const std::uint32_t n = static_cast<std::uint32_t>(random() % 400);
    const FiveTuple tuple = numbered(n, protocol_of(n));
    const FlowIndex index = table.find(FlowKey{random() % 2 == 0 ? tuple : tuple.reversed()});
    REQUIRE((index != kNoFlow) == model.contains(n));
    switch (random() % 5) {
      case 0:
      case 1:
        if (index != kNoFlow) {
          table.touch(index, now);
          model[n].active = now;
        } else {
          table.insert(
              FlowKey{tuple}, tuple, Direction::outbound, now, [&](FlowIndex, const Flow& flow, Removal why) {
                REQUIRE(model.size() == small.max_flows);
                const Known& victim = model.at(number_of(flow.tuple));
                const bool any_over =
                    std::any_of(model.begin(), model.end(), [](const auto& e) { return e.second.over; });
                REQUIRE(victim.over == any_over);
                REQUIRE(why == (any_over ? Removal::evicted_ended : Removal::evicted_idle));
                for (const auto& [other, known] : model) {
                  if (any_over && known.over) REQUIRE(victim.ended <= known.ended);
                  if (!any_over) REQUIRE(victim.active <= known.active);
                }
                model.erase(number_of(flow.tuple));
              });
          model[n] = {now, {}, false, tuple.protocol};
        }
        break;
      case 2:
        if (index != kNoFlow) {
          table.end(index, now);
          Known& known = model[n];
          if (!known.over) known.ended = now;
          known.over = true;
        }
        break;
      case 3:
        if (index != kNoFlow && random() % 4 == 0) {
          table.erase(index);
          model.erase(n);
        }
        break;
      default: {
        expire(table, now, [&](FlowIndex, const Flow& flow, Removal) {
          REQUIRE(model.erase(number_of(flow.tuple)) == 1);
        });
        for (const auto& [other, known] : model) {
          const Duration idle = known.protocol == Protocol::udp ? small.udp_idle_timeout : small.idle_timeout;
          REQUIRE((known.over ? known.ended + small.end_linger : known.active + idle) > now);
        }
      }
    }
    REQUIRE(table.size() == model.size());
    REQUIRE(table.size() <= small.max_flows);
  }
}
