// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "tollgate/config/config.hpp"

namespace tollgate {

enum class CountedPackets : std::uint8_t {
  invalid,    // conntrack calls them INVALID
  untracked,  // somebody has exempted them from conntrack
};

// Packets that our rule for them has met since it was loaded, both families. Asked of nf_tables
// (linux/netfilter/nf_tables.h, NFT_MSG_GETRULE), which holds the rules of nft and of iptables-nft;
// nullopt where no such rule is there: iptables-legacy, rules that somebody else wrote, no rules.
// `automatic`: in whichever dialect they are. Does not wait.
std::optional<std::uint64_t> counted_packets(CountedPackets which, Backend backend);

}  // namespace tollgate
