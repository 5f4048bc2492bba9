// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "tollgate/base/time.hpp"
#include "tollgate/flow/five_tuple.hpp"
#include "tollgate/flow/verdict.hpp"

namespace tollgate {

// The states of a TCP connection in conntrack, by the kernel's numbers (enum tcp_conntrack,
// linux/netfilter/nf_conntrack_tcp.h).
enum class TcpState : std::uint8_t {
  none = 0,
  syn_sent = 1,
  syn_received = 2,
  established = 3,
  fin_wait = 4,    // one side has sent FIN: the other may still send
  close_wait = 5,  // and was acknowledged
  last_ack = 6,    // both have sent FIN
  time_wait = 7,
  close = 8,  // RST
  syn_sent2 = 9,
};

// Both sides have closed, or one has reset: the connection is over for its programs.
constexpr bool is_over(TcpState state) {
  return state == TcpState::last_ack || state == TcpState::time_wait || state == TcpState::close;
}

// What a message of ctnetlink says of one entry (linux/netfilter/nfnetlink_conntrack.h).
struct ConntrackEntry {
  // CTA_ID: tells incarnations of a tuple apart; 0: not told. The kernel makes it from the entry's
  // place in memory and its tuple, so it is almost, not wholly, unique.
  std::uint32_t id = 0;
  FiveTuple original;
  FiveTuple reply;  // NAT included; equal to original.reversed() where there is none
  // Of its first packet, seen from this machine. Not looked at in Kind::destroyed.
  Direction direction = Direction::outbound;
  std::optional<TcpState> tcp;
  std::optional<FlowMark> mark;  // what our field of the ct mark holds; nullopt: not told
  // Both ways, while net.netfilter.nf_conntrack_acct is on.
  std::optional<std::uint64_t> packets;
  std::optional<std::uint64_t> bytes;
  bool expected = false;  // by a helper, and so with its master's mark (CTA_STATUS, IPS_EXPECTED)
  std::optional<Duration> expires_in;  // CTA_TIMEOUT: forgotten then, unless a packet comes
};

// The flow as the hooks between destination and source NAT see it, where arriving and forwarded
// flows are decided. Outbound ones are decided before both: `original`.
inline FiveTuple between_nats(const ConntrackEntry& entry) {
  FiveTuple tuple = entry.original;
  if (is_icmp(tuple.protocol)) {
    tuple.destination = entry.reply.source;
    return tuple;
  }
  tuple.destination = entry.reply.source;
  tuple.destination_port = entry.reply.source_port;
  return tuple;
}

}  // namespace tollgate
