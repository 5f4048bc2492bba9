// SPDX-License-Identifier: GPL-2.0-or-later
// The daemon's own connections pass, whatever the rules say, for as long as they are open.
#include "catch.hpp"
#include "memory_sources.hpp"
#include "packet_builder.hpp"
#include "tollgate/engine/engine.hpp"

using namespace tollgate;
using namespace tollgate::test;
using namespace std::chrono_literals;

namespace {

struct Rig {
  PacketVerdict ask(std::uint16_t port) {
    const Bytes bytes = PacketBuilder{"10.0.0.1", "192.0.2.1"}.udp(port, 53).build();
    PacketQueued queued;
    queued.bytes = bytes;
    queued.wire_length = bytes.size();
    effects.clear();
    engine.handle(queued, now, effects);
    REQUIRE(effects.verdicts.size() == 1);
    return effects.verdicts[0];
  }
  void own(std::uint16_t port, bool open) {
    FiveTuple tuple;
    tuple.source = {10, 0, 0, 1};
    tuple.destination = {192, 0, 2, 1};
    tuple.source_port = port;
    tuple.destination_port = 53;
    tuple.protocol = Protocol::udp;
    engine.handle(OwnFlow{tuple, open}, now, effects);
  }

  Time now{1000s};
  Engine engine{EngineOptions{}, load_text("[default]\noutbound = \"permanent-block\"\n").value()};
  Effects effects;
};

TEST_CASE("an own flow passes for good and is not worth a record; others are decided by the rules") {
  Rig rig;
  rig.own(4000, true);
  const PacketVerdict ours = rig.ask(4000);
  CHECK(ours.action == PacketVerdict::Action::pass);
  CHECK(ours.mark == FlowMark::accept);
  CHECK(rig.effects.records.empty());
  CHECK(rig.engine.counters().reasons[Reason::own] == 1);
  CHECK(rig.ask(4001).action == PacketVerdict::Action::refuse);
  CHECK(rig.effects.records.size() == 1);
}

TEST_CASE("an own flow that is closed leaves nothing to whoever has its ports next") {
  Rig rig;
  rig.own(4000, true);
  rig.own(4000, false);
  CHECK(rig.ask(4000).action == PacketVerdict::Action::refuse);
}

TEST_CASE("a new policy does not touch own flows") {
  Rig rig;
  rig.own(4000, true);
  rig.ask(4000);
  rig.effects.clear();
  rig.engine.handle(PolicyReplaced{load_text("[default]\noutbound = \"permanent-drop\"\n").value()}, rig.now,
                    rig.effects);
  rig.engine.handle(TimePassed{}, rig.now, rig.effects);
  CHECK_FALSE(rig.engine.reauthorizing());
  CHECK(rig.effects.marks.empty());
  CHECK(rig.effects.records.empty());
}

TEST_CASE("own flows are bounded") {
  Rig rig;
  for (std::uint32_t port = 1; port <= kMaxOwnFlows + 1; ++port)
    rig.own(static_cast<std::uint16_t>(port), true);
  CHECK(rig.ask(kMaxOwnFlows).action == PacketVerdict::Action::pass);
  CHECK(rig.ask(kMaxOwnFlows + 1).action == PacketVerdict::Action::refuse);
}

}  // namespace
