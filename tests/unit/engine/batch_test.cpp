// SPDX-License-Identifier: GPL-2.0-or-later
// Packets that are handled together have the effects that they have one after another.
#include <random>
#include <string>
#include <vector>

#include "../../support/memory_sources.hpp"
#include "../../support/packet_builder.hpp"
#include "catch.hpp"
#include "tollgate/engine/engine.hpp"

namespace tollgate {
namespace {

constexpr const char* kPolicy = R"(
[default]
outbound = "permanent-accept"
inbound = "permanent-drop"
[[rule]]
direction = "outbound"
port = "tcp/80"
verdict = "accept"
[[rule]]
direction = "outbound"
port = "udp/53"
verdict = "permanent-block"
)";

// Few tuples, so that packets of one batch open flows, find them and take their place.
std::vector<test::Bytes> packets(std::uint32_t seed, std::size_t count) {
  std::mt19937 random{seed};
  std::vector<test::Bytes> all;
  for (std::size_t i = 0; i < count; ++i) {
    const auto port = static_cast<std::uint16_t>(random() % 3 == 0 ? 80 : 443);
    test::PacketBuilder packet{"10.0.0." + std::to_string(1 + random() % 2), "10.0.1.1"};
    if (random() % 4 == 0) {
      packet.udp(5353, 53);
    } else {
      packet.tcp(static_cast<std::uint16_t>(1000 + random() % 5), port);
    }
    test::Bytes bytes = packet.build();
    if (random() % 10 == 0) bytes.resize(random() % bytes.size());  // malformed, now and then
    all.push_back(std::move(bytes));
  }
  return all;
}

PolicyPointer policy() {
  auto loaded = load_text(kPolicy);
  REQUIRE(loaded.ok());
  return *loaded;
}

std::vector<std::string> texts(const std::vector<Record>& records) {
  std::vector<std::string> lines;
  for (const Record& record : records) {
    lines.push_back(record.tuple.to_string() + ' ' + std::string{to_string(record.verdict)} + ' ' +
                    std::string{to_string(record.reason)});
  }
  return lines;
}

}  // namespace

TEST_CASE("a batch of packets has the effects of its packets one after another") {
  EngineOptions options;
  options.flows.max_flows = 8;  // some have to go within a batch
  Engine single{options, policy()}, together{options, policy()};
  Effects expected, seen;
  std::uint32_t id = 0;
  for (const std::size_t size : {1U, 2U, 15U, 16U, 17U, 64U, 200U}) {
    const std::vector<test::Bytes> bytes = packets(static_cast<std::uint32_t>(size), size);
    std::vector<PacketQueued> batch;
    for (const test::Bytes& one : bytes) {
      PacketQueued queued;
      queued.id = {4200, ++id};
      queued.bytes = one;
      queued.wire_length = one.size();
      queued.reply = id % 7 == 0;
      batch.push_back(queued);
    }
    const Time now{std::chrono::seconds{id}};
    for (const PacketQueued& one : batch) single.handle(one, now, expected);
    together.handle(batch, now, seen);
  }
  CHECK(seen.verdicts.size() == id);
  CHECK(seen.verdicts == expected.verdicts);
  CHECK(seen.marks == expected.marks);
  CHECK(texts(seen.records) == texts(expected.records));
  CHECK(together.counters().evicted == single.counters().evicted);
  CHECK(together.counters().evicted > 0);
  CHECK(together.flows().size() == single.flows().size());
}

}  // namespace tollgate
