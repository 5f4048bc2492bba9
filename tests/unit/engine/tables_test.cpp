// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "tollgate/engine/name_table.hpp"
#include "tollgate/engine/pending_table.hpp"

using namespace tollgate;
using namespace std::chrono_literals;

namespace {

constexpr Time kStart{100s};

HeldPacket datagram(std::uint32_t id) { return {{0, id}, false, 0, 0}; }
HeldPacket segment(std::uint32_t id, std::uint32_t sequence) { return {{0, id}, false, 2, sequence}; }

}  // namespace

TEST_CASE("a name keeps its number until it is released") {
  NameTable names{10};
  const std::uint32_t eth = names.number("eth0");
  CHECK(names.number("eth0") == eth);
  CHECK(names.name(eth) == "eth0");
  CHECK(names.number("wlan0") != eth);
  names.release_unused([&](std::uint32_t number) { return number == eth; });
  CHECK(names.size() == 1);
  CHECK(names.number("eth0") == eth);
  const std::uint32_t other = names.number("tun0");
  CHECK(other != eth);
  CHECK(names.name(other) == "tun0");
}

TEST_CASE("the empty name and names past the limit have no number") {
  NameTable names{2};
  CHECK(names.number("") == NameTable::kNone);
  names.number("a");
  names.number("b");
  CHECK(names.number("c") == NameTable::kNone);
  CHECK(names.name(NameTable::kNone).empty());
  CHECK(names.size() == 2);
}

TEST_CASE("packets wait with their flow, in order, within both bounds") {
  PendingTable pending{{3, 2, 15s}};
  CHECK(pending.hold(1, datagram(1), kStart) == Holding::held);
  CHECK(pending.hold(1, datagram(2), kStart) == Holding::held);
  CHECK(pending.hold(1, datagram(3), kStart) == Holding::full);
  CHECK(pending.hold(2, datagram(4), kStart) == Holding::held);
  CHECK(pending.hold(3, datagram(5), kStart) == Holding::full);
  CHECK(pending.flows() == 2);
  CHECK(pending.packets() == 3);
  CHECK_FALSE(pending.waits(3));
  const auto released = pending.release(1);
  REQUIRE(released.size() == 2);
  CHECK(released[0].id.id == 1);
  CHECK(released[1].id.id == 2);
  CHECK(pending.packets() == 1);
  CHECK(pending.release(1).empty());
}

TEST_CASE("only the same segment is folded") {
  PendingTable pending{{10, 10, 15s}};
  CHECK(pending.hold(1, segment(1, 7), kStart) == Holding::held);
  CHECK(pending.hold(1, segment(2, 7), kStart) == Holding::folded);
  CHECK(pending.hold(1, segment(3, 8), kStart) == Holding::held);
  CHECK(pending.hold(2, segment(4, 7), kStart) == Holding::held);
  CHECK(pending.hold(3, datagram(5), kStart) == Holding::held);
  CHECK(pending.hold(3, datagram(6), kStart) == Holding::held);
}

TEST_CASE("a flow's deadline is that of its first packet, and goes with it") {
  PendingTable pending{{10, 10, 15s}};
  pending.hold(1, datagram(1), kStart);
  pending.hold(2, datagram(2), kStart + 1s);
  pending.hold(1, datagram(3), kStart + 2s);
  CHECK(pending.next_deadline() == kStart + 15s);
  CHECK_FALSE(pending.overdue(kStart + 15s - 1ns).has_value());
  CHECK(pending.overdue(kStart + 15s) == FlowIndex{1});
  CHECK(pending.oldest() == FlowIndex{1});
  pending.release(1);
  CHECK(pending.next_deadline() == kStart + 16s);
  pending.hold(1, datagram(4), kStart + 3s);
  CHECK(pending.oldest() == FlowIndex{2});
  pending.release(2);
  CHECK(pending.next_deadline() == kStart + 18s);
  pending.release(1);
  CHECK_FALSE(pending.next_deadline().has_value());
  CHECK_FALSE(pending.oldest().has_value());
}
