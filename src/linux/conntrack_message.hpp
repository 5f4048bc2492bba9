// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "tollgate/base/reader.hpp"
#include "tollgate/engine/event.hpp"

struct nlmsghdr;

namespace tollgate {

// The codec of ctnetlink (linux/netfilter/nfnetlink_conntrack.h), shared by the queue (NFQA_CT), the
// events, the dump and the marks. Our own and not libnetfilter_conntrack's: that one allocates for
// every message and cannot name a flow of a protocol that it does not know.

// The attributes inside CTA_TUPLE_ORIG or CTA_TUPLE_REPLY. What is no port in FiveTuple (GRE keys,
// the id of ICMP messages other than echo) comes out as 0.
std::optional<FiveTuple> decode_tuple(Reader attributes);

// The attributes of one conntrack entry. Direction and mark of `entry` are left to who knows the
// machine's addresses and our field of the mark.
struct ConntrackAttributes {
  ConntrackEntry entry;
  std::optional<std::uint32_t> mark;  // whole
};
// nullopt without a readable original tuple. Without a readable reply tuple that is its reverse.
std::optional<ConntrackAttributes> decode_conntrack_attributes(Reader attributes);

// A whole message, header included, of an event or a dump; nullopt for any other message.
struct ConntrackMessage {
  ConntrackChanged::Kind kind = ConntrackChanged::Kind::updated;
  ConntrackAttributes attributes;
};
std::optional<ConntrackMessage> decode_conntrack(std::span<const std::uint8_t> message);

// Appends CTA_TUPLE_ORIG to a message that has room for 128 bytes more.
void put_original_tuple(nlmsghdr* message, const FiveTuple& tuple);
// Appends CTA_MARK and CTA_MARK_MASK: the kernel computes (old & ~mask) ^ mark.
void put_mark(nlmsghdr* message, std::uint32_t mark, std::uint32_t mask);

}  // namespace tollgate
