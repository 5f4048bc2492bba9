// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "ruleset/mark_field.hpp"
#include "tollgate/ruleset/live_rules.hpp"

// What both dialects say of the parts that the daemon keeps up.
namespace tollgate {

inline bool checks_arrival(const Config& config) {
  return config.arrival_interface == ArrivalInterface::reauthorize;
}
inline MarkField mark_field(const Config& config) {
  return MarkField{config.mark_mask, config.interface_mask};
}

inline std::span<const SocketInRules> sockets_in_rules(const LiveRules& live) {
  return std::span{live.sockets}.first(std::min(live.sockets.size(), kMostSocketsInRules));
}

// Those that a rule can name. The kernel takes nearly anything for a name ("eth+" is one); here a name
// may not mean more than itself. What arrives by an interface that is not named is always asked about.
std::vector<InterfaceSlot> interfaces_in_rules(const LiveRules& live);

// The chains and elements of nft, as commands that follow the table's definition.
void append_nft_live(const Config& config, const LiveRules& live, std::string& text);
// Declarations and rules of the iptables chains in `mangle`, in `filter`: lines within that table.
void append_mangle_live(const Config& config, Family family, const LiveRules& live, std::string& text);
void append_filter_live(const Config& config, const LiveRules& live, std::string& text);

}  // namespace tollgate
