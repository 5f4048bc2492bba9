// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "clock.hpp"
#include "log_sink.hpp"
#include "rule_count.hpp"
#include "tollgate/config/config.hpp"

namespace tollgate {

// Whether conntrack tracks anything: its table does not stay empty while packets pass. Two looks in a row
// have to say so, since somebody may have emptied it.
class EmptyTable {
 public:
  // Entries at this moment; packets that were let through so far. True: it tracks nothing.
  bool look(std::uint64_t entries, std::uint64_t passed) {
    if (entries > 0) {
      looks_ = 0;
    } else if (passed > passed_) {
      ++looks_;
    }
    passed_ = passed;
    return looks_ >= 2;
  }

 private:
  std::uint64_t passed_ = 0;
  unsigned looks_ = 0;
};

// Verdicts are kept in conntrack's entries. What has none (NOTRACK; no rule in this network namespace that
// makes the kernel track) comes up packet by packet: that is decided all the same, and said here.
class TrackingWatch {
 public:
  static constexpr std::chrono::seconds kInterval{10};
  struct Seen {
    std::uint64_t entries = 0;  // of conntrack's table
    std::uint64_t passed = 0;   // packets that the daemon let through so far
  };

  // `backend`: whose rules count. `seen` says how things are; nullopt when the kernel does not.
  TrackingWatch(boost::asio::io_context& loop, Backend backend, const Clock& clock, LogSink& log,
                std::function<std::optional<Seen>()> seen);

  void start() { look(); }
  // Packets since the start; nullopt: the rule's counter cannot be read.
  std::optional<std::uint64_t> invalid();
  std::optional<std::uint64_t> untracked();
  bool tracks() const { return !empty_; }

 private:
  void look();
  void look_at_untracked(Time now);

  const Backend backend_;
  const Clock& clock_;
  LogSink& log_;
  std::function<std::optional<Seen>()> seen_;
  boost::asio::steady_timer timer_;
  RuleCount invalid_, untracked_;
  std::uint64_t untracked_said_ = 0;
  EmptyTable table_;
  bool empty_ = false;
};

}  // namespace tollgate
