// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/queue_answer.hpp"

#include "catch.hpp"

using namespace tollgate;
using Action = PacketVerdict::Action;

namespace {
constexpr std::uint32_t kMask = 0x0f000000;
constexpr std::uint32_t kForeign = 0x00000100;  // somebody else's
constexpr std::uint32_t kStale = 0x05000000;    // ours, of another hook

QueueAnswer answer(MarkPath path, Action action, FlowMark mark, std::uint32_t own_mark = 0) {
  return queue_answer(PacketVerdict{PacketId{4200, 1}, action, mark}, path, kMask, own_mark);
}
QueueAnswer accepted(std::optional<std::uint32_t> packet, std::optional<std::uint32_t> ct) {
  return QueueAnswer{true, packet, ct};
}
}  // namespace

TEST_CASE("packet path: the packet carries the mark, and the rules save it") {
  const MarkPath path = MarkPath::packet;
  CHECK(answer(path, Action::pass, FlowMark::undecided) == accepted({}, {}));
  CHECK(answer(path, Action::pass, FlowMark::accept) == accepted(0x01000000, {}));
  CHECK(answer(path, Action::pass, FlowMark::tunnel) == accepted(0x06000000, {}));
  CHECK(answer(path, Action::refuse, FlowMark::undecided) == accepted(0x09000000, {}));
  CHECK(answer(path, Action::refuse, FlowMark::block) == accepted(0x02000000, {}));
  CHECK(answer(path, Action::drop, FlowMark::drop) == accepted(0x03000000, {}));
  CHECK(answer(path, Action::drop, FlowMark::undecided) == QueueAnswer{false, {}, {}});
}

TEST_CASE("conntrack path: the ct mark is set at once, and only a refusal rides on the packet") {
  const MarkPath path = MarkPath::conntrack;
  CHECK(answer(path, Action::pass, FlowMark::undecided) == accepted({}, {}));
  CHECK(answer(path, Action::pass, FlowMark::accept) == accepted({}, 0x01000000));
  CHECK(answer(path, Action::refuse, FlowMark::undecided) == accepted(0x09000000, {}));
  CHECK(answer(path, Action::refuse, FlowMark::block) == accepted({}, 0x02000000));
  CHECK(answer(path, Action::drop, FlowMark::drop) == QueueAnswer{false, {}, 0x03000000});
  CHECK(answer(path, Action::drop, FlowMark::undecided) == QueueAnswer{false, {}, {}});
}

TEST_CASE("a packet without an entry has its verdict for itself alone, and is not rerouted") {
  const auto alone = [](Action action, FlowMark mark) {
    return without_entry(PacketVerdict{PacketId{4200, 1}, action, mark});
  };
  CHECK(alone(Action::pass, FlowMark::accept) == PacketVerdict{{4200, 1}, Action::pass, FlowMark::undecided});
  CHECK(alone(Action::refuse, FlowMark::block) ==
        PacketVerdict{{4200, 1}, Action::refuse, FlowMark::undecided});
  CHECK(alone(Action::drop, FlowMark::drop) == PacketVerdict{{4200, 1}, Action::drop, FlowMark::undecided});
  for (const FlowMark mark : {FlowMark::nameserver, FlowMark::tunnel}) {
    CHECK(alone(Action::pass, mark) == PacketVerdict{{4200, 1}, Action::refuse, FlowMark::undecided});
  }
}

TEST_CASE("bits of others stay, stale bits of ours go, and no mark is sent that changes nothing") {
  const MarkPath path = GENERATE(MarkPath::packet, MarkPath::conntrack);
  CHECK(answer(path, Action::pass, FlowMark::undecided, kForeign) == accepted({}, {}));
  CHECK(answer(path, Action::pass, FlowMark::undecided, kForeign | kStale) == accepted(kForeign, {}));
  CHECK(answer(path, Action::refuse, FlowMark::undecided, kForeign | kStale) ==
        accepted(kForeign | 0x09000000, {}));
  CHECK(answer(path, Action::refuse, FlowMark::undecided, 0x09000000) == accepted({}, {}));
}

TEST_CASE("the mark stands at the lowest bit of the mask") {
  CHECK(mark_bits(FlowMark::tunnel, 0x0000000f) == 6);
  CHECK(mark_bits(FlowMark::block_packet, 0xf0000000) == 0x90000000);
  CHECK(mark_bits(FlowMark::accept, 0x003f0000) == 0x00010000);
}
