// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

// What the kernel says of queues and processes, read without the product's own reader.
namespace tollgate::test {

// A line of /proc/net/netfilter/nfnetlink_queue (net/netfilter/nfnetlink_queue.c, seq_show).
struct KernelQueue {
  std::uint64_t number = 0;
  std::uint64_t holder = 0;  // netlink port
  std::uint64_t waiting = 0;
  std::uint64_t kernel_dropped = 0;  // the queue was full
  std::uint64_t user_dropped = 0;    // the holder's socket was full
  std::uint64_t queued = 0;          // ever
};
// Those of the calling thread's network namespace; none when the module is not there.
std::vector<KernelQueue> kernel_queues();
// Packets in all of them, of whatever program.
std::uint64_t waiting_packets();

// VmRSS (proc(5)); throws when there is no such process.
std::uint64_t resident_bytes(pid_t pid);
// Of them what no file holds: the code of a program comes and goes with its use.
std::uint64_t own_bytes(pid_t pid);

}  // namespace tollgate::test
