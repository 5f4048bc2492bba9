// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

#include "linux/attribution.hpp"

namespace tollgate {

// Keeps CAP_NET_ADMIN (netlink, nft) and CAP_NET_RAW (iptables looks its tables up by a raw socket)
// and gives up every other privilege for good: bounding set, permitted, no new privileges. The two
// are inherited by the ruleset commands (ambient). What `needs` names is kept as well, where it is
// there, and not inherited. The user stays who it is: the unit chooses that.
// Returns why it could not be done. Needs nothing when there is nothing to give up.
std::optional<std::string> give_up_privileges(const AttributionNeeds& needs);

}  // namespace tollgate
