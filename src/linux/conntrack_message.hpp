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
  std::optional<FiveTuple> master;    // original direction of the entry whose helper expected this one
};
// nullopt without a readable original tuple. Without a readable reply tuple that is its reverse.
std::optional<ConntrackAttributes> decode_conntrack_attributes(Reader attributes);

// A whole message, header included, of an event or a dump; nullopt for any other message.
struct ConntrackMessage {
  ConntrackChanged::Kind kind = ConntrackChanged::Kind::updated;
  ConntrackAttributes attributes;
};
std::optional<ConntrackMessage> decode_conntrack(std::span<const std::uint8_t> message);

// With our field of the mark, in events and dumps, which leave out a mark of zero. What is none of our
// values is as good as undecided.
ConntrackEntry entry_of(const ConntrackAttributes& attributes, std::uint32_t mark_mask);

// Begins a request at `at`, which has room for it: IPCTNL_MSG_CT_*, NLM_F_REQUEST and `flags`.
nlmsghdr* put_conntrack_request(char* at, std::uint16_t type, std::uint16_t flags, std::uint8_t family);
// Appends CTA_TUPLE_ORIG to a message that has room for 128 bytes more.
void put_original_tuple(nlmsghdr* message, const FiveTuple& tuple);
// Appends CTA_MARK and CTA_MARK_MASK: the kernel computes (old & ~mask) ^ mark.
void put_mark(nlmsghdr* message, std::uint32_t mark, std::uint32_t mask);

}  // namespace tollgate
