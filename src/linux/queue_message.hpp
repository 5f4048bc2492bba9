// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <span>

#include "queue.hpp"

namespace tollgate {

// Which packet waits for an answer to this message, also when decode_packet makes no sense of the
// rest of it: nobody else would ever answer.
std::optional<PacketId> waiting_packet(std::span<const std::uint8_t> message, const QueueOptions& options);

}  // namespace tollgate
