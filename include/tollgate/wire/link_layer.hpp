// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace tollgate {

// Link types of captures (www.tcpdump.org/linktypes.html, LINKTYPE_ numbers as in pcap files).
enum class LinkType : std::uint16_t {
  null_loopback = 0,  // BSD loopback: 4 bytes host-order address family
  ethernet = 1,
  raw = 101,           // the packet starts at the IP header
  openbsd_loop = 108,  // as null, network byte order
  linux_sll = 113,     // Linux cooked
  ipv4 = 228,
  ipv6 = 229,
  linux_sll2 = 276,
};

// pcap's own number → ours; nullopt when we do not read that link type. DLT_RAW's other number (12)
// is accepted as raw.
std::optional<LinkType> link_type(int number);

// More 802.1Q/802.1ad tags than this on one frame, and it is not looked into.
inline constexpr unsigned kMaxVlanTags = 4;

// Skips the link layer (with VLAN tags) and returns the IP packet's bytes, which go to the end of the
// frame: Ethernet padding stays. Only the front is cut off, so the packet's wire length is the
// frame's less (frame.size() - result.size()). nullopt for frames that carry no IP (ARP, LLDP, …) and
// for frames too short to tell. Whether the bytes are IP is for parse_packet to say.
std::optional<std::span<const std::uint8_t>> ip_bytes(LinkType type, std::span<const std::uint8_t> frame);

}  // namespace tollgate
