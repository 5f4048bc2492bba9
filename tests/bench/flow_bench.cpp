// SPDX-License-Identifier: GPL-2.0-or-later
// A packet on its way to its flow: parse, look up, insert, expire; and what a flow costs.
#include <benchmark/benchmark.h>

#include <memory>
#include <random>
#include <vector>

#include "../support/packet_builder.hpp"
#include "linux/huge_pages.hpp"
#include "tollgate/flow/flow_table.hpp"
#include "tollgate/wire/packet.hpp"

namespace {

using namespace tollgate;

constexpr std::uint32_t kMillion = 1'000'000;

FiveTuple numbered(std::uint32_t n) {
  FiveTuple tuple;
  tuple.source = {10, 0, 0, 1};
  tuple.destination = {10, static_cast<std::uint8_t>(n >> 16), static_cast<std::uint8_t>(n >> 8),
                       static_cast<std::uint8_t>(n)};
  tuple.source_port = static_cast<std::uint16_t>(1024 + n % 50'000);
  tuple.destination_port = 443;
  return tuple;
}

FlowLimits limits() {
  FlowLimits large;
  large.max_flows = 2 * kMillion;
  return large;
}

FlowTable& million() {
  static const std::unique_ptr<FlowTable> table = [] {
    static HugePageMemory memory;  // as in the daemon
    auto filled = std::make_unique<FlowTable>(limits(), &memory);
    for (std::uint32_t n = 0; n < kMillion; ++n) {
      filled->insert(FlowKey{numbered(n)}, numbered(n), Time{std::chrono::milliseconds{n}}, [](auto&&...) {});
    }
    return filled;
  }();
  return *table;
}

// SYNs of flows that are there, in random order, each with bytes of its own: as cold as real ones.
std::vector<test::Bytes> packets() {
  std::mt19937 random{1};
  std::vector<test::Bytes> made;
  for (int i = 0; i < 1 << 16; ++i) {
    const FiveTuple tuple = numbered(static_cast<std::uint32_t>(random() % kMillion));
    made.push_back(
        test::PacketBuilder{tuple.source_address().to_string(), tuple.destination_address().to_string()}
            .tcp(tuple.source_port, tuple.destination_port)
            .build());
  }
  return made;
}

void parse_and_look_up_among_a_million(benchmark::State& state) {
  const FlowTable& table = million();
  const std::vector<test::Bytes> made = packets();
  std::size_t next = 0, found = 0;
  for (auto _ : state) {
    const auto packet = parse_packet(made[next++ % made.size()]);
    found += table.find(FlowKey{FiveTuple::of(packet->endpoints)}) != kNoFlow ? 1 : 0;
  }
  if (found != static_cast<std::size_t>(state.iterations())) state.SkipWithError("a flow was not found");
  state.counters["bytes_per_flow"] = static_cast<double>(table.memory()) / kMillion;
}
BENCHMARK(parse_and_look_up_among_a_million);

void touch_among_a_million(benchmark::State& state) {
  FlowTable& table = million();
  std::mt19937 random{2};
  for (auto _ : state) {
    table.touch(table.find(FlowKey{numbered(static_cast<std::uint32_t>(random() % kMillion))}),
                Time{std::chrono::hours{1}});
  }
}
BENCHMARK(touch_among_a_million);

void insert_and_expire(benchmark::State& state) {
  FlowTable table{limits()};
  Time now{};
  std::uint32_t n = 0;
  for (auto _ : state) {
    now += std::chrono::milliseconds{1};
    const FiveTuple tuple = numbered(n++ & 0xffffff);
    table.insert(FlowKey{tuple}, tuple, now, [](auto&&...) {});
    table.expire(now, [](auto&&...) {});
  }
  state.counters["flows"] = static_cast<double>(table.size());
}
BENCHMARK(insert_and_expire);

void evict_at_the_limit(benchmark::State& state) {
  FlowLimits small = limits();
  small.max_flows = 262'144;
  FlowTable table{small};
  std::uint32_t n = 0;
  for (auto _ : state) {
    const FiveTuple tuple = numbered(n++ & 0xffffff);
    table.insert(FlowKey{tuple}, tuple, Time{std::chrono::microseconds{n}}, [](auto&&...) {});
  }
}
BENCHMARK(evict_at_the_limit);

}  // namespace
