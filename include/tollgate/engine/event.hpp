// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "tollgate/base/ids.hpp"
#include "tollgate/base/known.hpp"
#include "tollgate/flow/five_tuple.hpp"
#include "tollgate/flow/verdict.hpp"
#include "tollgate/policy/policy.hpp"

namespace tollgate {

// Where in the kernel a packet waits (linux/netfilter.h, NF_INET_*).
enum class Hook : std::uint8_t { prerouting = 0, input = 1, forward = 2, output = 3 };

// A packet waits in the queue for exactly one verdict. Views need to live for the call only.
struct PacketQueued {
  PacketId id;
  Hook hook = Hook::output;
  bool reply = false;    // against its flow's direction, as conntrack sees it (queue_bit::reply)
  bool transit = false;  // in PREROUTING and not for this machine (queue_bit::transit)
  // Its mark carries somebody else's bits: ours may not be put beside them (KERNEL.md, Marks).
  bool foreign_mark = false;
  std::span<const std::uint8_t> bytes;  // from the IP header on, as far as it was copied
  std::size_t wire_length = 0;
  std::string_view interface;  // out: output, forward; in: input, prerouting; may be empty
  Known<std::uint32_t> uid;
  Known<std::uint32_t> gid;
  // The original direction of the conntrack entry, where the kernel told it (NFQA_CT).
  std::optional<FiveTuple> conntrack;
};

// What conntrack says of a flow, on its own or when asked.
struct ConntrackChanged {
  enum class Kind : std::uint8_t { started, updated, destroyed };
  Kind kind = Kind::updated;
  FiveTuple tuple;                       // original direction
  bool tcp_closing = false;              // TCP state past ESTABLISHED
  std::optional<std::uint64_t> packets;  // both ways, when accounting is on
  std::optional<std::uint64_t> bytes;
};

// A flow that was there before the daemon, with the verdict that its ct mark holds.
struct FlowAdopted {
  FiveTuple tuple;  // original direction
  Direction direction = Direction::outbound;
  Verdict verdict = Verdict::permanent_accept;
};

struct PolicyReplaced {
  PolicyPointer policy;
};

// Somebody answered what a flow waits for. No effect when it no longer waits.
struct AnswerGiven {
  FlowId flow;
  Verdict verdict = Verdict::accept;
};

// The daemon is about to end: whatever waits gets its verdict now.
struct Stopping {};

// Nothing but the time: what is due is done.
struct TimePassed {};

using Event = std::variant<PacketQueued, ConntrackChanged, FlowAdopted, PolicyReplaced, AnswerGiven, Stopping,
                           TimePassed>;

}  // namespace tollgate
