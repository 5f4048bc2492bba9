// SPDX-License-Identifier: GPL-2.0-or-later
#include "tracking_watch.hpp"

#include <string>
#include <utility>

#include "linux/rule_counter.hpp"

namespace tollgate {

TrackingWatch::TrackingWatch(boost::asio::io_context& loop, Backend backend, const Clock& clock, LogSink& log,
                             std::function<std::optional<Seen>()> seen)
    : backend_{backend}, clock_{clock}, log_{log}, seen_{std::move(seen)}, timer_{loop} {}

std::optional<std::uint64_t> TrackingWatch::invalid() {
  return invalid_.update(counted_packets(CountedPackets::invalid, backend_));
}

std::optional<std::uint64_t> TrackingWatch::untracked() {
  return untracked_.update(counted_packets(CountedPackets::untracked, backend_));
}

void TrackingWatch::look_at_untracked(Time now) {
  const std::uint64_t packets = untracked().value_or(untracked_said_);
  if (packets <= untracked_said_) return;
  log_.trouble("conntrack-untracked", LogLevel::warning,
               std::to_string(packets - untracked_said_) +
                   " packets are not tracked by conntrack (a NOTRACK rule?): each of them was asked about",
               now);
  untracked_said_ = packets;
}

void TrackingWatch::look() {
  const Time now = clock_.now();
  look_at_untracked(now);
  if (const auto seen = seen_()) {
    const bool before = std::exchange(empty_, table_.look(seen->entries, seen->passed));
    if (empty_ && !before) {
      log_.trouble("conntrack-idle", LogLevel::warning,
                   "conntrack tracks no connection while packets pass: each of them is asked about (no rule "
                   "here makes it track, or all is exempted)",
                   now);
    }
  }
  timer_.expires_after(kInterval);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) look();
  });
}

}  // namespace tollgate
