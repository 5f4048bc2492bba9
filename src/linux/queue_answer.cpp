// SPDX-License-Identifier: GPL-2.0-or-later
#include "queue_answer.hpp"

#include <bit>

namespace tollgate {

namespace {

// The mark that a packet has to carry to our rules; undecided: none.
FlowMark mark_on_packet(const PacketVerdict& verdict, MarkPath path) {
  if (verdict.mark != FlowMark::undecided) {
    return path == MarkPath::packet ? verdict.mark : FlowMark::undecided;
  }
  return verdict.action == PacketVerdict::Action::refuse ? FlowMark::block_packet : FlowMark::undecided;
}

// Whether the packet still has to meet our rules: to be let through, refused, or to have the mark
// that it carries saved.
bool goes_on(const PacketVerdict& verdict, MarkPath path) {
  switch (verdict.action) {
    case PacketVerdict::Action::pass:
    case PacketVerdict::Action::refuse:
      return true;
    case PacketVerdict::Action::drop:
      return path == MarkPath::packet && verdict.mark != FlowMark::undecided;
  }
  return false;
}

}  // namespace

std::uint32_t mark_bits(FlowMark mark, std::uint32_t mark_mask) {
  return static_cast<std::uint32_t>(mark) << std::countr_zero(mark_mask) & mark_mask;
}

PacketVerdict without_entry(PacketVerdict verdict) {
  const bool rerouted = verdict.mark == FlowMark::nameserver || verdict.mark == FlowMark::tunnel;
  if (rerouted) verdict.action = PacketVerdict::Action::refuse;
  verdict.mark = FlowMark::undecided;
  return verdict;
}

QueueAnswer queue_answer(const PacketVerdict& verdict, MarkPath path, std::uint32_t mark_mask,
                         std::uint32_t own_mark) {
  QueueAnswer answer;
  answer.accept = goes_on(verdict, path);
  if (path != MarkPath::packet && verdict.mark != FlowMark::undecided) {
    answer.ct_mark = mark_bits(verdict.mark, mark_mask);
  }
  if (answer.accept) {
    const std::uint32_t mark = (own_mark & ~mark_mask) | mark_bits(mark_on_packet(verdict, path), mark_mask);
    if (mark != own_mark) answer.packet_mark = mark;
  }
  return answer;
}

}  // namespace tollgate
