// SPDX-License-Identifier: GPL-2.0-or-later
// Idle flows that conntrack is asked about, idle times by protocol and by fill, UDP flows by local port.
#include <set>
#include <vector>

#include "catch.hpp"
#include "tollgate/flow/flow_table.hpp"

using namespace tollgate;
using namespace std::chrono_literals;

namespace {

constexpr Time kStart{1'000'000s};

FiveTuple numbered(std::uint32_t n, Protocol protocol = Protocol::tcp, std::uint16_t port = 1000) {
  FiveTuple tuple;
  tuple.source = {10, 0, 0, 1};
  tuple.destination = {10, static_cast<std::uint8_t>(n >> 16), static_cast<std::uint8_t>(n >> 8),
                       static_cast<std::uint8_t>(n)};
  tuple.source_port = port;
  tuple.destination_port = 80;
  tuple.protocol = protocol;
  return tuple;
}

FlowIndex put(FlowTable& table, const FiveTuple& tuple, Time now, Direction direction = Direction::outbound) {
  return table.insert(FlowKey{tuple}, tuple, direction, now, [](auto&&...) {});
}

// What was removed, and what was asked about.
struct Expiry {
  std::vector<FlowIndex> removed, asked;
  bool asks = true;

  void run(FlowTable& table, Time now, unsigned budget = 1000) {
    table.expire(
        now, budget, [this](FlowIndex index, const Flow&, Removal) { removed.push_back(index); },
        [this](FlowIndex index, const Flow&) {
          if (asks) asked.push_back(index);
          return asks;
        });
  }
};

}  // namespace

TEST_CASE("an idle flow that is asked about stays until the answer, or the end of the patience") {
  FlowTable table{{}};
  const FlowIndex answered = put(table, numbered(1), kStart);
  const FlowIndex silent = put(table, numbered(2), kStart);
  Expiry expiry;
  expiry.run(table, kStart + 10min);
  CHECK(expiry.asked == std::vector<FlowIndex>{answered, silent});
  CHECK(table.next_deadline() == kStart + 10min + FlowTable::kAnswerTime);
  table.touch(answered, kStart + 10min + 1s);
  expiry.run(table, kStart + 10min + FlowTable::kAnswerTime);
  CHECK(expiry.removed == std::vector<FlowIndex>{silent});
  CHECK(table.next_deadline() == kStart + 20min + 1s);
  CHECK(table.at(answered).last_active == kStart + 10min + 1s);
}

TEST_CASE("an asked flow can end, go, and be evicted") {
  FlowLimits limits;
  limits.max_flows = 3;
  limits.pressure.clear();
  FlowTable table{limits};
  const FlowIndex ends = put(table, numbered(1), kStart);
  const FlowIndex erased = put(table, numbered(2), kStart);
  const FlowIndex evicted = put(table, numbered(3), kStart);
  Expiry expiry;
  expiry.run(table, kStart + 10min);
  REQUIRE(expiry.asked.size() == 3);
  table.end(ends, kStart + 10min);
  CHECK_FALSE(table.at(ends).asked);
  table.erase(erased);
  put(table, numbered(4), kStart + 10min);
  std::vector<FlowIndex> gone;
  const auto insert = [&](std::uint32_t n) {
    table.insert(FlowKey{numbered(n)}, numbered(n), Direction::outbound, kStart + 10min,
                 [&](FlowIndex index, const Flow&, Removal) { gone.push_back(index); });
  };
  insert(5);
  insert(6);
  CHECK(gone == std::vector<FlowIndex>{ends, evicted});  // the ended one, then the longest idle
}

TEST_CASE("not more flows than the budget are dealt with at once") {
  FlowTable table{{}};
  for (std::uint32_t n = 0; n < 100; ++n) put(table, numbered(n), kStart);
  Expiry expiry;
  expiry.run(table, kStart + 1h, 30);
  CHECK(expiry.asked.size() == 30);
  CHECK(table.next_deadline() <= kStart + 1h);
  expiry.asks = false;
  expiry.run(table, kStart + 1h, 30);
  CHECK(expiry.removed.size() == 30);
  CHECK(table.size() == 70);
}

TEST_CASE("single protocols have idle times of their own") {
  FlowLimits limits;
  limits.idle_times = {{Protocol::sctp, 30min}, {Protocol::tcp, 2min}};
  FlowTable table{limits};
  const FlowIndex sctp = put(table, numbered(1, Protocol::sctp), kStart);
  const FlowIndex tcp = put(table, numbered(2), kStart);
  const FlowIndex gre = put(table, numbered(3, Protocol::gre), kStart);
  Expiry expiry;
  expiry.asks = false;
  expiry.run(table, kStart + 2min);
  CHECK(expiry.removed == std::vector<FlowIndex>{tcp});
  expiry.run(table, kStart + 30min - 1ns);
  CHECK(expiry.removed == std::vector<FlowIndex>{tcp, gre});
  expiry.run(table, kStart + 30min);
  CHECK(expiry.removed == std::vector<FlowIndex>{tcp, gre, sctp});
}

TEST_CASE("idle times shrink step by step as the table fills, and go back") {
  FlowLimits limits;
  limits.max_flows = 10;
  limits.pressure = {{50, 50}, {100, 10}};
  FlowTable table{limits};
  std::vector<FlowIndex> flows;
  const auto fill = [&](std::uint32_t count) {
    while (table.size() < count)
      flows.push_back(put(table, numbered(static_cast<std::uint32_t>(flows.size())), kStart));
  };
  fill(4);
  CHECK(table.pressure() == 0);
  CHECK(table.next_deadline() == kStart + 10min);
  fill(5);
  CHECK(table.pressure() == 1);
  CHECK(table.next_deadline() == kStart + 5min);
  fill(10);
  CHECK(table.pressure() == 2);
  CHECK(table.next_deadline() == kStart + 1min);
  table.erase(flows[0]);
  CHECK(table.pressure() == 1);
  CHECK(table.next_deadline() == kStart + 5min);
  for (std::size_t i = 1; i < 6; ++i) table.erase(flows[i]);
  CHECK(table.pressure() == 0);
  CHECK(table.next_deadline() == kStart + 10min);
  // The ended linger as long as ever.
  for (std::size_t i = 6; i < 10; ++i) table.end(flows[i], kStart);
  fill(10);
  CHECK(table.next_deadline() == kStart + 1min);
}

TEST_CASE("live UDP flows are found by their local port") {
  FlowTable table{{}};
  const auto at = [&](std::uint16_t port) {
    std::multiset<FlowIndex> found;
    table.for_each_at_port(port, [&](FlowIndex index, const Flow&) { found.insert(index); });
    return found;
  };
  CHECK(at(53).empty());
  const FlowIndex a = put(table, numbered(1, Protocol::udp, 53), kStart);
  const FlowIndex b = put(table, numbered(2, Protocol::udp, 53), kStart);
  const FlowIndex c = put(table, numbered(3, Protocol::udp, 53), kStart);
  const FlowIndex inbound = put(table, numbered(4, Protocol::udp, 54), kStart, Direction::inbound);
  put(table, numbered(5, Protocol::udp, 53), kStart, Direction::forward);
  put(table, numbered(6, Protocol::tcp, 53), kStart);
  CHECK(at(53) == std::multiset<FlowIndex>{a, b, c});
  CHECK(at(80) == std::multiset<FlowIndex>{inbound});
  table.erase(b);
  CHECK(at(53) == std::multiset<FlowIndex>{a, c});
  table.end(c, kStart);
  table.end(inbound, kStart);
  CHECK(at(53) == std::multiset<FlowIndex>{a});
  CHECK(at(80).empty());
  table.erase(c);
  table.erase(a);
  CHECK(at(53).empty());
  // All of them may end while they are looked through.
  for (std::uint32_t n = 10; n < 60; ++n) put(table, numbered(n, Protocol::udp, 53), kStart);
  table.for_each_at_port(53, [&](FlowIndex index, const Flow&) { table.end(index, kStart); });
  CHECK(at(53).empty());
  CHECK(table.ended() == 51);
}

TEST_CASE("a reference finds its flow while it is there") {
  FlowTable table{{}};
  const FlowIndex index = put(table, numbered(1), kStart);
  const FlowRef ref = table.ref(index);
  CHECK(table.find(ref) == index);
  table.erase(index);
  CHECK(table.find(ref) == kNoFlow);
  REQUIRE(put(table, numbered(2), kStart) == index);
  CHECK(table.find(ref) == kNoFlow);
  CHECK(table.find(FlowRef{}) == kNoFlow);
  CHECK(table.find(FlowRef{12'345, FlowId{1}}) == kNoFlow);
}

TEST_CASE("a flow costs less than 200 bytes in all") {
  FlowTable table{{}};
  const std::uint32_t count = 16'384 * 12;
  for (std::uint32_t n = 0; n < count; ++n) put(table, numbered(n), kStart);
  CHECK(table.memory() / count < 200);
}
