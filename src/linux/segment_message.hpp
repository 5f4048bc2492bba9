// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <span>

#include "tollgate/engine/event.hpp"

namespace tollgate {

// A whole message of nfnetlink_log (linux/netfilter/nfnetlink_log.h, NFULNL_MSG_PACKET), header included.
// nullopt for any other message, and when its packet is no TCP segment with FIN or RST.
std::optional<TcpClosing> decode_segment(std::span<const std::uint8_t> message);

}  // namespace tollgate
