// SPDX-License-Identifier: GPL-2.0-or-later
// A packet on its way to its flow: parse, look up, insert, expire; and what a flow costs.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <random>
#include <span>
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
      filled->insert(FlowKey{numbered(n)}, numbered(n), Direction::outbound,
                     Time{std::chrono::milliseconds{n}}, [](auto&&...) {});
    }
    return filled;
  }();
  return *table;
}

// The SYN of a flow that is there, in random order. Its bytes are warm, as those of a queued packet are:
// recvmmsg has just written them. The flow and its place in the index are as cold as they come.
class Arriving {
 public:
  explicit Arriving(std::uint32_t seed) : random_{seed} {}
  std::span<const std::uint8_t> next() {
    const auto n = static_cast<std::uint32_t>(random_() % kMillion);
    const FiveTuple tuple = numbered(n);
    std::copy_n(tuple.destination.begin(), 4, bytes_.begin() + kDestination);
    bytes_[kSourcePort] = static_cast<std::uint8_t>(tuple.source_port >> 8);
    bytes_[kSourcePort + 1] = static_cast<std::uint8_t>(tuple.source_port & 0xff);
    return bytes_;
  }

 private:
  static constexpr std::size_t kDestination = 16, kSourcePort = 20;  // in an IPv4 header without options
  std::minstd_rand random_;
  test::Bytes bytes_ = test::PacketBuilder{"10.0.0.1", "10.0.0.2"}.tcp(1, 443).build();
};

void parse_and_look_up_among_a_million(benchmark::State& state) {
  const FlowTable& table = million();
  Arriving arriving{1};
  std::size_t found = 0;
  for (auto _ : state) {
    const auto packet = parse_packet(arriving.next());
    found += table.find(FlowKey{FiveTuple::of(packet->endpoints)}) != kNoFlow ? 1 : 0;
  }
  if (found != static_cast<std::size_t>(state.iterations())) state.SkipWithError("a flow was not found");
  state.counters["bytes_per_flow"] = static_cast<double>(table.memory()) / kMillion;
}
BENCHMARK(parse_and_look_up_among_a_million);

// As they come under load: what one recvmmsg took, their look-ups side by side, as the engine does it.
void parse_and_look_up_a_batch_among_a_million(benchmark::State& state) {
  const FlowTable& table = million();
  constexpr std::size_t kBatch = 16;
  std::vector<Arriving> sources;
  for (std::uint32_t i = 0; i < kBatch; ++i) sources.emplace_back(i + 1);
  std::vector<FlowKey> keys;
  keys.reserve(kBatch);
  std::size_t found = 0;
  for (auto _ : state) {
    keys.clear();
    for (Arriving& source : sources) {
      keys.emplace_back(FiveTuple::of(parse_packet(source.next())->endpoints));
      table.prefetch_index(keys.back());
    }
    for (const FlowKey& key : keys) table.prefetch_flow(key);
    for (const FlowKey& key : keys) found += table.find(key) != kNoFlow ? 1 : 0;
  }
  if (found != static_cast<std::size_t>(state.iterations()) * kBatch) {
    state.SkipWithError("a flow was not found");
  }
  state.counters["per_packet"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kBatch,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(parse_and_look_up_a_batch_among_a_million);

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
    table.insert(FlowKey{tuple}, tuple, Direction::outbound, now, [](auto&&...) {});
    table.expire(
        now, 1000, [](auto&&...) {}, [](auto&&...) { return false; });
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
    table.insert(FlowKey{tuple}, tuple, Direction::outbound, Time{std::chrono::microseconds{n}},
                 [](auto&&...) {});
  }
}
BENCHMARK(evict_at_the_limit);

}  // namespace
