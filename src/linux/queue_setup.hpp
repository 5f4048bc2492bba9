// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netlink_socket.hpp"
#include "queue.hpp"
#include "tollgate/base/result.hpp"

namespace tollgate {

// Datagrams of packets that came while the queues were being set up; to be handled first.
using EarlyDatagrams = std::vector<std::vector<std::uint8_t>>;

// Binds and configures all our queues; every step is acknowledged by the kernel. Returns the path
// that marks take. Errors are whole sentences: what was refused and what to do about it.
Result<MarkPath, std::string> set_up_queues(NetlinkSocket& socket, const QueueOptions& options,
                                            EarlyDatagrams& early);

// Sets how much of a packet is copied: all of it, or what the queue's number and copy_range say. The
// errno, 0 when done.
int set_copy_range(NetlinkSocket& socket, const QueueOptions& options);

// Sets the length of all our queues to 0: they are full for whatever comes. The errno, 0 when done.
int close_queues(NetlinkSocket& socket, const QueueOptions& options);

}  // namespace tollgate
