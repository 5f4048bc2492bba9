// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

namespace tollgate {

// What the ruleset knows of a packet and the queue message does not say, it says by the number of
// the queue: base + these bits. No mark has to be put on a packet on its way up, so none has to be
// taken off and no packet is routed twice because of it.
namespace queue_bit {
inline constexpr std::uint16_t whole = 1;    // copied whole: DNS, flows under inspection
inline constexpr std::uint16_t reply = 2;    // travels against its flow's direction (ct direction)
inline constexpr std::uint16_t transit = 4;  // in PREROUTING: not addressed to this machine
}  // namespace queue_bit

// base .. base + kQueueCount - 1 are bound. transit never combines with reply: PREROUTING asks
// about new flows only.
inline constexpr std::uint16_t kQueueCount = 6;

// NFLOG groups: copies of segments that end connections, and of messages about names.
constexpr std::uint16_t ends_group(std::uint16_t nflog_group) { return nflog_group; }
constexpr std::uint16_t names_group(std::uint16_t nflog_group) {
  return static_cast<std::uint16_t>(nflog_group + 1);
}

// Bytes of a copied segment: its headers up to the flags, IP options and extension headers included.
inline constexpr std::uint32_t kSegmentCopy = 128;
// Bytes of a copied message about names: over UDP clients ask for 4096 at most, and a segment of an answer
// over TCP that is longer is cut, and teaches nothing.
inline constexpr std::uint32_t kNameCopy = 16'384;

}  // namespace tollgate
