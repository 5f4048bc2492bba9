// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <span>

#include "clock.hpp"
#include "doorbell.hpp"
#include "linux/attribution.hpp"
#include "linux/name_copies.hpp"
#include "log_sink.hpp"
#include "table_reader.hpp"
#include "tollgate/engine/event.hpp"

namespace tollgate {

struct NameWatchCounters {
  std::uint64_t copies = 0;    // packets that the kernel carried
  std::uint64_t overruns = 0;  // times that copies were lost
};

// Takes the copies of what is said about names. They wake nobody more often than every kRest; whoever is
// about to decide about packets takes them first (`take`), so no name is too late.
class NameWatch {
 public:
  static constexpr std::chrono::milliseconds kRest{20};

  struct Parts {
    const Clock& clock;
    NameCopies& copies;
    Attribution* attribution;  // nullptr: nobody looks for who asks
    LogSink& log;
  };
  NameWatch(boost::asio::io_context& loop, const Parts& parts, Turn turn);

  void start() { bell_.start(); }
  // What is there already, up to a bound. Never waits.
  Doorbell::Left take(const Deliver& deliver);
  const NameWatchCounters& counters() const { return counters_; }

 private:
  Doorbell::Left look();
  ProcessPointer asker(std::span<const std::uint8_t> packet);

  Parts parts_;
  Turn turn_;
  Doorbell bell_;
  NameWatchCounters counters_;
};

}  // namespace tollgate
