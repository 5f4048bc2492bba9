// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "netlink_socket.hpp"

namespace tollgate {

// One line of /proc/net/netfilter/nfnetlink_queue (nfnetlink_queue.c, seq_show): queue, port of its
// holder, waiting, copy mode, copy range, dropped by the kernel, dropped for the program, last id, 1.
struct QueueStatistics {
  std::uint16_t queue = 0;
  std::uint32_t holder = 0;
  std::uint32_t waiting = 0;
  std::uint64_t kernel_dropped = 0;  // the queue was full
  std::uint64_t user_dropped = 0;    // the socket was full
};
std::optional<QueueStatistics> parse_queue_statistics(std::string_view line);

// The file of this thread's network namespace, read by root only: opened before privileges go, it
// can be read after. Invalid when there is none.
FileDescriptor open_queue_statistics();
// Added up over count queues from `first`; `queue` and `holder` are those of none.
QueueStatistics sum_queue_statistics(const FileDescriptor& file, std::uint16_t first, std::uint16_t count);

// The netlink port that is bound to a queue; nullopt when nobody is, or when it cannot be known.
std::optional<std::uint32_t> queue_holder(std::uint16_t queue);

}  // namespace tollgate
