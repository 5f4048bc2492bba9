// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tollgate {

// What is decided about a flow (DESIGN.md §1).
enum class Verdict : std::uint8_t {
  accept,
  block,
  drop,
  permanent_accept,
  permanent_block,
  permanent_drop,
  reroute_nameserver,
  reroute_tunnel,
  count_,
};
inline constexpr std::size_t kVerdictCount = static_cast<std::size_t>(Verdict::count_);

// "accept", "permanent-accept", "reroute-tunnel", …: the words of policy, log and control.
std::string_view to_string(Verdict verdict);
std::optional<Verdict> parse_verdict(std::string_view text);

// The first three: every packet is asked again.
constexpr bool is_temporary(Verdict verdict) {
  return verdict == Verdict::accept || verdict == Verdict::block || verdict == Verdict::drop;
}
// The packet gets to somebody: its addressee, the nameserver or the tunnel.
constexpr bool lets_pass(Verdict verdict) {
  return verdict != Verdict::block && verdict != Verdict::drop && verdict != Verdict::permanent_block &&
         verdict != Verdict::permanent_drop;
}
constexpr bool is_reroute(Verdict verdict) {
  return verdict == Verdict::reroute_nameserver || verdict == Verdict::reroute_tunnel;
}

// Of a flow's first packet; never changes.
enum class Direction : std::uint8_t { outbound, inbound, forward, count_ };
std::string_view to_string(Direction direction);
std::optional<Direction> parse_direction(std::string_view text);

// Where in DESIGN.md §4 a decision fell.
enum class Stage : std::uint8_t {
  none,  // not decided yet, or decided without any rule being asked (unparsed, overload)
  before_resolving,
  after_resolving,
  communication,
  link,
  inspection,
};
std::string_view to_string(Stage stage);

// Why a decision is what it is.
enum class Reason : std::uint8_t {
  rule,             // a rule matched
  default_verdict,  // no rule did
  cached,           // the flow already has a permanent verdict that the kernel does not hold
  unparsed,         // the packet cannot be read
  invalid,          // conntrack calls it INVALID and the configuration asked for it here
  related,          // belongs to another flow (ICMP error)
  answered,         // somebody answered a question
  timed_out,        // nobody did
  overload,         // too much waits
  folded,           // a retransmission of a packet that already waits
  window,           // a unicast answer to a multicast or broadcast packet (AnswerWindows)
  asking,           // somebody is asked about a flow that had a verdict, and it is blocked meanwhile
  killed,           // somebody cut the flow by hand; stands until it is revoked or over
  own,              // the daemon's own: its nameserver asks somebody
  inspecting,       // accepted so far: what becomes of it depends on its first bytes
  count_,
};
std::string_view to_string(Reason reason);

// What made a flow that had a verdict be decided again (DESIGN.md §5).
enum class Cause : std::uint8_t {
  none,        // nothing: a first authorization, or a packet of a temporary verdict
  policy,      // a new policy touches its layer
  rule,        // a rule was added or removed at run time
  expired,     // a rule's time was over
  arrival,     // it came in by another interface than the authorized one
  completion,  // what a question waited for has come
  revoked,     // by hand: asked again
  killed,      // by hand: cut
  restart,     // it was there before the daemon, without a verdict
  resync,      // found undecided when conntrack's table was read after lost events
  count_,
};
std::string_view to_string(Cause cause);
// Another policy is in force, whatever made it.
constexpr bool is_of_policy(Cause cause) {
  return cause == Cause::policy || cause == Cause::rule || cause == Cause::expired;
}

// What the ct mark's masked field says (DESIGN.md §2.5). 9 and 10 live in a packet mark only.
enum class FlowMark : std::uint8_t {
  undecided = 0,
  accept = 1,
  block = 2,
  drop = 3,
  inspect = 4,
  nameserver = 5,
  tunnel = 6,
  block_packet = 9,
  drop_packet = 10,
};
// The mark that hands a permanent verdict to the kernel; undecided for temporary ones.
FlowMark flow_mark(Verdict verdict);
// Its packets come up all the same.
constexpr bool asks_daemon(FlowMark mark) { return mark == FlowMark::undecided || mark == FlowMark::inspect; }
// The verdict that a ct mark stands for; nullopt for undecided, inspect and what is not ours.
std::optional<Verdict> verdict_of(FlowMark mark);

}  // namespace tollgate
