// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tollgate/base/ids.hpp"
#include "tollgate/base/ip.hpp"
#include "tollgate/engine/flow_owners.hpp"
#include "tollgate/engine/observer.hpp"
#include "tollgate/flow/five_tuple.hpp"
#include "tollgate/flow/flow.hpp"
#include "tollgate/flow/verdict.hpp"
#include "tollgate/record/record.hpp"

namespace tollgate {

// What becomes of one queued packet. Every PacketQueued gets exactly one, now or later.
struct PacketVerdict {
  enum class Action : std::uint8_t {
    pass,    // goes on, to whatever `mark` says
    refuse,  // dropped, and its sender is told
    drop,
  };
  PacketId packet;
  Action action = Action::pass;
  // To be put into the flow's ct mark with it; undecided leaves the ct mark alone.
  FlowMark mark = FlowMark::undecided;
  friend bool operator==(const PacketVerdict&, const PacketVerdict&) = default;
};

// Destroy the local socket of this TCP flow (SOCK_DESTROY): its program hears of it at once, and the
// reset that the kernel sends for it tells the other end. So before the marks are written.
struct TearDown {
  FiveTuple tuple;                            // in the flow's direction
  Direction direction = Direction::outbound;  // outbound: the source is local; inbound: the destination
  std::uint64_t socket = 0;                   // cookie; 0: not known
  friend bool operator==(const TearDown&, const TearDown&) = default;
};

// Write this flow's ct mark by itself, after the verdicts: no packet of it carries it there.
struct SetMark {
  // One of the entry's two tuples. Where NAT is between and nobody told the entry's own, this is
  // the flow's: an entry that is not found is to be looked for by its reverse.
  FiveTuple tuple;
  FlowMark mark = FlowMark::undecided;
  friend bool operator==(const SetMark&, const SetMark&) = default;
};

// Delete this entry: NAT was decided with its first packet, and only a new connection can go another
// way. The flow has ended with it.
struct DeleteEntry {
  FiveTuple tuple;  // as in SetMark
  friend bool operator==(const DeleteEntry&, const DeleteEntry&) = default;
};

// Ask conntrack for this one entry, now or soon; the answer is FlowProbed with the same `flow`.
struct ProbeFlow {
  FlowRef flow;
  FiveTuple tuple;  // as in SetMark
  friend bool operator==(const ProbeFlow&, const ProbeFlow&) = default;
};

// From now on the kernel lets new flows of this direction to (inbound) or from (outbound) this local
// endpoint pass and marks them accept, whoever the peer is: or no longer does. `address` is what
// the flow had: never unspecified. Both are idempotent.
struct SocketAuthorized {
  Protocol protocol = Protocol::udp;
  Direction direction = Direction::inbound;
  IpAddress address;
  std::uint16_t port = 0;
  bool authorized = true;
  friend bool operator==(const SocketAuthorized&, const SocketAuthorized&) = default;
};

// Find out whose flow this is; the answer is ProcessFound with the same `flow`. Nobody answers in time:
// then it is nobody's that is known.
struct LookUp {
  FlowRef flow;
  FiveTuple tuple;  // in the flow's direction
  Direction direction = Direction::outbound;
  // Cookie of its local socket, where somebody looked; 0: it has none (any more).
  std::optional<std::uint64_t> socket = std::nullopt;
  std::uint32_t arrival = 0;  // forwarded: index of the interface that its source is behind; 0: not known
  friend bool operator==(const LookUp&, const LookUp&) = default;
};

// For those who watch. `decided` comes again when it becomes known whose a flow is.
struct FlowChanged {
  enum class Kind : std::uint8_t { opened, decided, ended, removed };
  Kind kind = Kind::opened;
  Flow flow;
  FlowOwner owner;
  Observed observed;
};

// What FlowsRevoked and FlowsKilled did, of the flows that were named.
struct ByHand {
  std::uint64_t flows = 0;      // taken back or cut
  std::uint64_t marks = 0;      // of them, those whose ct mark is written
  std::uint64_t sockets = 0;    // of them, those whose local socket is destroyed
  std::uint64_t waiting = 0;    // of them, those that still waited for their first decision (kill only)
  std::uint64_t untouched = 0;  // ended, gone, still waiting (revoke), or cut already (kill)
  friend bool operator==(const ByHand&, const ByHand&) = default;
};

// NameAsked, NameAnswered: the asker gets no answer, by this rule.
struct NameRefusal {
  Verdict verdict = Verdict::block;
  std::string rule;
  friend bool operator==(const NameRefusal&, const NameRefusal&) = default;
};

// What the core wants done, in this order: verdicts, openings, tear-downs, marks, deletions, authorized
// sockets, probes, the rest. The shell does it, then clears it; the vectors keep their capacity.
struct Effects {
  std::vector<PacketVerdict> verdicts;
  // Marks for connections that are torn down and of which the kernel holds no verdict: without one the
  // reset that tells the other end would be a packet to be asked about, and be refused. What the entry is
  // to hold in the end is among `marks`.
  std::vector<SetMark> openings;
  std::vector<TearDown> tear_downs;
  std::vector<SetMark> marks;
  std::vector<DeleteEntry> deletions;
  std::vector<SocketAuthorized> sockets;
  std::vector<ProbeFlow> probes;
  std::vector<LookUp> look_ups;
  // Read conntrack's table (ResyncBegan … ResyncEnded): some of what it carries is not in the cache
  // and may have to be decided again.
  bool read_table = false;
  ByHand by_hand;
  std::optional<NameRefusal> name_refusal;
  std::vector<Record> records;
  std::vector<FlowChanged> changes;

  void clear() {
    verdicts.clear();
    openings.clear();
    tear_downs.clear();
    marks.clear();
    deletions.clear();
    sockets.clear();
    probes.clear();
    look_ups.clear();
    read_table = false;
    by_hand = {};
    name_refusal.reset();
    records.clear();
    changes.clear();
  }
};

}  // namespace tollgate
