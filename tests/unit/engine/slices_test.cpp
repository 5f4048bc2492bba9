// SPDX-License-Identifier: GPL-2.0-or-later
// What concerns many flows is done in slices: no event does much, and all of it is done in the end.
#include <vector>

#include "catch.hpp"
#include "memory_sources.hpp"
#include "packet_builder.hpp"
#include "tollgate/engine/engine.hpp"

using namespace tollgate;
using namespace tollgate::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kFlows = 10'000;
// Nothing that one event does may concern more flows.
constexpr std::size_t kSlice = 2048;

struct Rig {
  Rig() { fill(); }

  static PolicyPointer policy(const std::string& text) { return load_text(text).value(); }

  void handle(const Event& event) {
    effects.clear();
    engine.handle(event, now, effects);
    marks += effects.marks.size();
    torn += effects.tear_downs.size();
    CHECK(effects.marks.size() <= kSlice);
    CHECK(effects.tear_downs.size() <= kSlice);
    CHECK(effects.changes.size() <= 2 * kSlice);
    CHECK(effects.probes.size() <= kSlice);
  }

  // How often the time has to pass until nothing more is due.
  std::size_t finish() {
    std::size_t turns = 0;
    for (auto next = engine.next_deadline(); next && *next <= now; next = engine.next_deadline()) {
      handle(TimePassed{});
      if (++turns > 1000) break;
    }
    return turns;
  }

  // Carried flows of one UDP socket.
  void fill() {
    engine.watch_changes(true);
    ConntrackSeen seen;
    effects.clear();
    engine.handle(ResyncBegan{true}, now, effects);
    for (std::uint32_t n = 0; n < kFlows; ++n) {
      seen.entry.original = tuple(n);
      seen.entry.reply = seen.entry.original.reversed();
      seen.entry.id = n + 1;
      seen.entry.mark = FlowMark::accept;
      engine.handle(seen, now, effects);
    }
    handle(ResyncEnded{});
    finish();
    REQUIRE(engine.flows().size() == kFlows);
    marks = 0;
  }

  static FiveTuple tuple(std::uint32_t n) {
    FiveTuple tuple;
    tuple.source = {10, 0, 0, 1};
    tuple.destination = {10, 1, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
    tuple.source_port = 6881;
    tuple.destination_port = static_cast<std::uint16_t>(n % 100 == 0 ? 81 : 80);
    tuple.protocol = Protocol::udp;
    return tuple;
  }

  Time now{1000s};
  Engine engine{EngineOptions{}, policy("[default]\noutbound = \"permanent-accept\"\n")};
  Effects effects;
  std::size_t marks = 0, torn = 0;
};

}  // namespace

TEST_CASE("a new policy is held against all flows, a slice at a time") {
  Rig rig;
  rig.handle(PolicyReplaced{Rig::policy("[[rule]]\nport = 81\nverdict = \"permanent-block\"\n")});
  CHECK(rig.marks == 0);
  CHECK(rig.engine.reauthorizing());
  CHECK(rig.finish() >= kFlows / kSlice);
  CHECK_FALSE(rig.engine.reauthorizing());
  CHECK(rig.engine.counters().reauthorized[Cause::policy] == kFlows);
  CHECK(rig.engine.counters().changed[Cause::policy] == kFlows / 100);
  CHECK(rig.marks == kFlows / 100);
}

TEST_CASE("two policies in a row: the second counts, for every flow") {
  Rig rig;
  rig.handle(PolicyReplaced{Rig::policy("[default]\noutbound = \"permanent-block\"\n")});
  rig.handle(TimePassed{});
  CHECK(rig.marks == kSlice);
  rig.handle(PolicyReplaced{Rig::policy("[default]\noutbound = \"permanent-accept\"\n")});
  rig.finish();
  CHECK(rig.marks == 2 * kSlice);
  rig.engine.flows().for_each([](FlowIndex, const Flow& flow) {
    if (flow.verdict != Verdict::permanent_accept) FAIL(flow.tuple.to_string());
  });
}

TEST_CASE("a socket's flows end a slice at a time, and only those that it had") {
  Rig rig;
  SocketGone gone;
  gone.protocol = Protocol::udp;
  gone.local_port = 6881;
  rig.handle(gone);
  CHECK(rig.engine.flows().ended() == kSlice);
  // Somebody else has the port meanwhile.
  rig.now += 1ms;
  const Bytes bytes = PacketBuilder{"10.0.0.1", "192.0.2.1"}.udp(6881, 53).build();
  PacketQueued queued;
  queued.bytes = bytes;
  queued.wire_length = bytes.size();
  rig.handle(queued);
  CHECK(rig.finish() >= kFlows / kSlice - 1);
  CHECK(rig.engine.flows().ended() == kFlows);
  CHECK(rig.engine.flows().size() == kFlows + 1);
  CHECK(rig.marks == kFlows);
  // A minute later they go, in slices as well.
  rig.now += 61s;
  CHECK(rig.finish() >= kFlows / kSlice);
  CHECK(rig.engine.flows().size() == 1);
}

TEST_CASE("what a reading of the table lacks ends a slice at a time") {
  Rig rig;
  rig.handle(ResyncBegan{});
  rig.handle(ResyncEnded{});
  CHECK(rig.engine.flows().ended() == 0);
  CHECK(rig.finish() >= kFlows / kSlice);
  CHECK(rig.engine.flows().ended() == kFlows);
  CHECK(rig.engine.counters().vanished == kFlows);
}

TEST_CASE("all idle at once: asked a slice at a time") {
  Rig rig;
  rig.now += 10min;
  CHECK(rig.finish() >= kFlows / kSlice);
  CHECK(rig.engine.counters().probed == kFlows);
  CHECK(rig.engine.flows().size() == kFlows);
}
