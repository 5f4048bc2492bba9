// SPDX-License-Identifier: GPL-2.0-or-later
#include "queue_statistics.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <string>

namespace tollgate {

namespace {
constexpr const char* kStatisticsFile = "/proc/thread-self/net/netfilter/nfnetlink_queue";
constexpr std::size_t kColumns = 9;
// 80 bytes a queue; more queues than this has nobody.
constexpr std::size_t kFileLimit = 1 << 20;

bool next_number(std::string_view& line, std::uint64_t& number) {
  const std::size_t start = line.find_first_not_of(' ');
  if (start == std::string_view::npos) return false;
  line.remove_prefix(start);
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc{}) return false;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  return true;
}

// Anew from its start: each read of the first byte makes the kernel write it anew.
std::string read_all(const FileDescriptor& file) {
  std::string text;
  std::array<char, 4096> part{};
  while (text.size() < kFileLimit) {
    const ssize_t size = ::pread(file.get(), part.data(), part.size(), static_cast<off_t>(text.size()));
    if (size <= 0) break;
    text.append(part.data(), static_cast<std::size_t>(size));
  }
  return text;
}

void for_each_queue(const FileDescriptor& file, const std::function<void(const QueueStatistics&)>& each) {
  if (!file.valid()) return;
  const std::string text = read_all(file);
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size() - 1);
    if (const auto line = parse_queue_statistics(rest.substr(0, end))) each(*line);
    rest.remove_prefix(end + 1);
  }
}
}  // namespace

std::optional<QueueStatistics> parse_queue_statistics(std::string_view line) {
  std::array<std::uint64_t, kColumns> column{};
  for (std::uint64_t& number : column) {
    if (!next_number(line, number)) return std::nullopt;
  }
  QueueStatistics queue;
  queue.queue = static_cast<std::uint16_t>(column[0]);
  queue.holder = static_cast<std::uint32_t>(column[1]);
  queue.waiting = static_cast<std::uint32_t>(column[2]);
  queue.kernel_dropped = column[5];
  queue.user_dropped = column[6];
  return queue;
}

FileDescriptor open_queue_statistics() {
  return FileDescriptor{::open(kStatisticsFile, O_RDONLY | O_CLOEXEC)};
}

QueueStatistics sum_queue_statistics(const FileDescriptor& file, std::uint16_t first, std::uint16_t count) {
  QueueStatistics sum;
  for_each_queue(file, [&](const QueueStatistics& queue) {
    if (queue.queue < first || queue.queue - first >= count) return;
    sum.waiting += queue.waiting;
    sum.kernel_dropped += queue.kernel_dropped;
    sum.user_dropped += queue.user_dropped;
  });
  return sum;
}

std::optional<std::uint32_t> queue_holder(std::uint16_t number) {
  std::optional<std::uint32_t> holder;
  for_each_queue(open_queue_statistics(), [&](const QueueStatistics& queue) {
    if (queue.queue == number) holder = queue.holder;
  });
  return holder;
}

}  // namespace tollgate
