// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tollgate/config/config.hpp"
#include "tollgate/flow/verdict.hpp"
#include "tollgate/wire/protocol.hpp"

namespace tollgate {

// Sockets in the rules. The kernel looks them up for first packets only, but in the iptables dialect
// one by one. A socket past the bound is asked about flow by flow, as without `peers = "any"`.
inline constexpr std::size_t kMostSocketsInRules = 256;

// A local socket whose new flows the kernel carries without asking (`peers = "any"`): those to it
// (inbound) or those from it (outbound).
struct SocketInRules {
  Direction direction = Direction::inbound;  // not forward
  Protocol protocol = Protocol::udp;         // tcp or udp
  IpAddress address;
  std::uint16_t port = 0;
  friend auto operator<=>(const SocketInRules&, const SocketInRules&) = default;
};

// The number that stands in the ct mark for an interface.
struct InterfaceSlot {
  std::string name;
  std::uint32_t slot = 0;
  friend bool operator==(const InterfaceSlot&, const InterfaceSlot&) = default;
};

// The parts of the loaded rules that the daemon keeps up while it runs.
struct LiveRules {
  std::vector<SocketInRules> sockets;     // of more than kMostSocketsInRules the first are taken
  std::vector<InterfaceSlot> interfaces;  // of use with `arrival_interface = "reauthorize"` only
  friend bool operator==(const LiveRules&, const LiveRules&) = default;
};

// Text that replaces these parts, and nothing else, in rules that are loaded: for `nft -f` (one
// transaction), for iptables-restore and ip6tables-restore --noflush (one for each table).
std::string render_nft_live(const Config& config, const LiveRules& live);
std::string render_iptables_live(const Config& config, Family family, const LiveRules& live);

}  // namespace tollgate
