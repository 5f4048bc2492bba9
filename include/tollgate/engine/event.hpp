// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "tollgate/base/ids.hpp"
#include "tollgate/base/known.hpp"
#include "tollgate/engine/conntrack_entry.hpp"
#include "tollgate/flow/five_tuple.hpp"
#include "tollgate/flow/flow.hpp"
#include "tollgate/flow/verdict.hpp"
#include "tollgate/policy/policy.hpp"
#include "tollgate/process/process.hpp"
#include "tollgate/wire/dns.hpp"

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
  std::uint32_t arrival = 0;   // index of the interface that it came in by; 0: not known, or it did not
  Known<std::uint32_t> uid;
  Known<std::uint32_t> gid;
  // Of the conntrack entry, where the kernel told it (NFQA_CT): its original direction, its id
  // (CTA_ID; 0: not told), and the original direction of the flow whose helper expected this one
  // (CTA_TUPLE_MASTER; RELATED).
  std::optional<FiveTuple> conntrack;
  std::uint32_t conntrack_id = 0;
  bool established = false;  // the entry was there before this packet (NFQA_CT_INFO)
  std::optional<FiveTuple> master;
};

// An event of conntrack about one entry. Those of entries that are none of ours are ignored, so the
// shell may filter them or not. Order between this socket and the queue's is not to be relied on.
struct ConntrackChanged {
  enum class Kind : std::uint8_t { started, updated, destroyed };
  Kind kind = Kind::updated;
  ConntrackEntry entry;
};

// A local socket is gone (SKNLGRP_INET_TCP_DESTROY and its sisters, linux/sock_diag.h). A UDP socket
// without a remote end ends every flow of that local endpoint; any other ends the one flow. An
// unspecified local address (0.0.0.0, ::) stands for every local address, :: for IPv4's as well.
struct SocketGone {
  Protocol protocol = Protocol::tcp;
  IpAddress local;
  std::uint16_t local_port = 0;
  IpAddress remote;               // meaningful with a remote port
  std::uint16_t remote_port = 0;  // 0: not connected
  std::uint64_t cookie = 0;       // 0: not told
};

// A segment with FIN or RST of an accepted TCP connection has passed: the rules hand over a copy
// (NFLOG), up to a moment late, as seen at the hook where they ask.
struct TcpClosing {
  FiveTuple tuple;  // as the segment travels
  bool reset = false;
};

// A packet to or from a port of DNS, mDNS or LLMNR that the kernel carried: the rules hand over a copy
// (NFLOG), before the packet goes on. The view needs to live for the call only.
struct NamesCopied {
  std::span<const std::uint8_t> bytes;  // from the IP header on, as far as it was copied
  // Whose socket asks, where no flow tells: loopback that is exempt has none. nullptr: not known.
  ProcessPointer asker = nullptr;
};

// The answer to a ProbeFlow. No entry: conntrack has none such.
struct FlowProbed {
  FlowRef flow;
  std::optional<ConntrackEntry> entry;
};

// Conntrack's table is read from its beginning to its end: at start (`restart`), after lost events
// and when the engine asked (Effects::read_table). Between the two events stand ConntrackSeen, one
// for each entry, and any other events. Afterwards cache and table agree: what the table has and the
// cache lacks is adopted; what lacks a verdict is decided; what the table lacks is ended. A reading
// that could not be finished ends with `whole` = false (nothing is ended then), or simply begins
// anew. Conntrack's own events rest meanwhile, for one that is told first may speak of an entry that was
// read before. The shell leaves out what the rules never bring up (exempt loopback, forwarded flows
// while `forward` is off).
struct ResyncBegan {
  bool restart = false;
};
struct ConntrackSeen {
  ConntrackEntry entry;
  // What the socket tables said of its local end, where somebody looked: at start.
  Known<std::uint32_t> uid;
  std::optional<std::uint64_t> socket;  // cookie; 0: it has none (any more)
};
struct ResyncEnded {
  bool whole = true;
};

// The answer to a LookUp. Without a process: why there is none.
struct ProcessFound {
  FlowRef flow;
  ProcessPointer process;
  NoProcess why = NoProcess::not_asked;
  // Of the same flow there will be another one, with the SHA-256 of the program, or without it when it
  // is not to be had.
  bool hash_follows = false;
};

// The flows of the layers that it changes are decided again, a slice at each TimePassed. `touched` is
// what touched_layers() says of the policy in force and this one; whoever has many rules finds that out
// beforehand, since it takes its time. `cause` is what the log says of those flows: `policy`, `rule` or
// `expired`.
struct PolicyReplaced {
  PolicyPointer policy;
  Cause cause = Cause::policy;
  std::optional<LayerSet> touched = std::nullopt;
};

// Somebody answered what a flow waits for, or what a reauthorization of it had left open. No effect
// when it no longer waits.
struct AnswerGiven {
  FlowId flow;
  Verdict verdict = Verdict::accept;
};

// By hand: these flows are asked again at their next packet. Effects::by_hand counts. A caller who
// takes back many gives them in slices of a few thousand.
struct FlowsRevoked {
  std::span<const FlowRef> flows;
};
// By hand: these flows are blocked for good and torn down.
struct FlowsKilled {
  std::span<const FlowRef> flows;
};

// All IPv4 addresses that mean "everybody on a network of this machine" (IFA_BROADCAST), besides
// 255.255.255.255. At most kMaxBroadcastAddresses count.
inline constexpr std::size_t kMaxBroadcastAddresses = 1024;
struct BroadcastAddresses {
  std::span<const IpAddress> addresses;
};

// A connection of the daemon itself: while it is open a flow of this tuple passes, whatever the rules say,
// and no record is made of it. At most kMaxOwnFlows are noted at once; what finds no place is asked about
// like any other.
inline constexpr std::size_t kMaxOwnFlows = 4096;
struct OwnFlow {
  FiveTuple tuple;  // the source is ours
  bool open = true;
};

// Somebody asks the daemon's nameserver for a name; Effects::name_refusal says whether that is refused.
// `from` is the question's flow as it arrives there: its source tells whose it is. Views need to live for the
// call only.
struct NameAsked {
  FiveTuple from;
  std::string_view domain;  // canonical
  DnsType type = DnsType::a;
};
// The nameserver has the answer, and asks whether the asker may have it. If so flows to those addresses are
// known by that name.
struct NameAnswered {
  NameAsked question;
  std::span<const std::string> aliases;  // the names that it stands for, canonical
  std::span<const IpAddress> addresses;
  std::span<const std::uint8_t> query;  // DNS messages
  std::span<const std::uint8_t> answer;
};

// The daemon is about to end: whatever waits gets its verdict now.
struct Stopping {};

// Nothing but the time: what is due is done, and the next slice of what takes long.
struct TimePassed {};

using Event = std::variant<PacketQueued, ConntrackChanged, SocketGone, TcpClosing, NamesCopied, ProcessFound,
                           FlowProbed, ResyncBegan, ConntrackSeen, ResyncEnded, PolicyReplaced, AnswerGiven,
                           FlowsRevoked, FlowsKilled, BroadcastAddresses, OwnFlow, NameAsked, NameAnswered,
                           Stopping, TimePassed>;

}  // namespace tollgate
