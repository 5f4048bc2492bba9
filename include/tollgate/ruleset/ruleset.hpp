// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "tollgate/config/config.hpp"
#include "tollgate/ruleset/live_rules.hpp"

namespace tollgate {

// The rules that bring undecided packets to the daemon and carry its verdicts out (DESIGN.md §2),
// as text. The same configuration gives the same bytes. The text serves both mark paths.

// One table `inet tollgate`, for `nft -f` or an include in nftables.conf. Loading it again replaces
// the rules in one transaction without deleting a base chain, so no waiting packet is dropped.
std::string render_nft(const Config& config, const LiveRules& live = {});

// `table *` sections for iptables-restore --noflush and ip6tables-restore --noflush. `jumps`: also
// hook our chains into the built-in ones (leave out what already stands there).
struct IptablesJumps {
  bool mangle_prerouting = true, mangle_input = true, mangle_forward = true, mangle_output = true;
  bool nat_prerouting = true, nat_output = true;
  bool filter_input = true, filter_forward = true, filter_output = true;
};
std::string render_iptables(const Config& config, Family family, const IptablesJumps& jumps = {},
                            const LiveRules& live = {});

// Names that are ours and nobody else's.
inline constexpr const char* kNftTable = "tollgate";      // family inet
inline constexpr const char* kChainPrefix = "TOLLGATE-";  // of every iptables chain

}  // namespace tollgate
