// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel_queues.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace tollgate::test {

std::vector<KernelQueue> kernel_queues() {
  std::ifstream file{"/proc/thread-self/net/netfilter/nfnetlink_queue"};
  std::vector<KernelQueue> queues;
  for (std::string line; std::getline(file, line);) {
    std::istringstream columns{line};
    KernelQueue queue;
    std::uint64_t mode = 0, range = 0;
    columns >> queue.number >> queue.holder >> queue.waiting >> mode >> range >> queue.kernel_dropped >>
        queue.user_dropped >> queue.queued;
    if (!columns) throw std::runtime_error{"nfnetlink_queue: " + line};
    queues.push_back(queue);
  }
  return queues;
}

std::uint64_t waiting_packets() {
  std::uint64_t all = 0;
  for (const KernelQueue& queue : kernel_queues()) all += queue.waiting;
  return all;
}

namespace {

// A line of /proc/PID/status that is a size.
std::uint64_t bytes_of(pid_t pid, const std::string& line) {
  std::ifstream status{"/proc/" + std::to_string(pid) + "/status"};
  for (std::string word; status >> word;) {
    std::uint64_t size = 0;
    if (word == line && status >> size) return size * 1024;
  }
  throw std::runtime_error{"no " + line};
}

}  // namespace

std::uint64_t resident_bytes(pid_t pid) { return bytes_of(pid, "VmRSS:"); }
std::uint64_t own_bytes(pid_t pid) { return bytes_of(pid, "RssAnon:") + bytes_of(pid, "RssShmem:"); }

}  // namespace tollgate::test
