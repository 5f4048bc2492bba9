// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "clock.hpp"
#include "linux/conntrack_dump.hpp"
#include "linux/interfaces.hpp"
#include "linux/socket_diag.hpp"
#include "log_sink.hpp"
#include "tollgate/config/config.hpp"
#include "tollgate/engine/event.hpp"

namespace tollgate {

// Several events for the engine in one turn of the loop; their effects are carried out after it.
using Deliver = std::function<void(const Event&)>;
using Turn = std::function<void(const std::function<void(const Deliver&)>&)>;

// Which of conntrack's entries are the engine's business, and which way they go.
class EntryJudge {
 public:
  EntryJudge(const Config& config, const Interfaces& interfaces);
  Direction direction(const ConntrackEntry& entry) const;
  // False for what the rules never bring up. The direction must be known.
  bool concerns_us(const ConntrackEntry& entry) const;

 private:
  bool forward_;
  bool loopback_;
  const Interfaces& interfaces_;
};

// Reads conntrack's table for the engine (ResyncBegan … ResyncEnded), a few milliseconds in each turn
// of the loop, so that packets are answered meanwhile.
class TableReader {
 public:
  static constexpr std::chrono::milliseconds kSlice{2};
  static constexpr std::chrono::seconds kPause{1};  // from one beginning to the next

  struct Parts {
    const Clock& clock;
    const EntryJudge& judge;
    SocketDiag& sockets;
    LogSink& log;
    std::uint32_t mark_mask;
  };
  TableReader(boost::asio::io_context& loop, const Parts& parts, Turn turn);

  // At start: local sockets are looked up too, and `done` hears when it is over.
  void read_at_start(std::function<void(bool whole)> done);
  // While it is being read: once more, afterwards. A reading that fails is tried again.
  void read();
  bool reading() const { return dump_.has_value(); }
  std::uint64_t readings() const { return readings_; }  // finished, without that at start
  std::uint64_t failures() const { return failures_; }

 private:
  void begin();
  void slice();
  void slice_with(const Deliver& deliver);
  ConntrackSeen seen(const ConntrackEntry& entry);
  void finish(bool whole);
  void begin_later();

  boost::asio::io_context& loop_;
  Parts parts_;
  Turn turn_;
  boost::asio::steady_timer pause_;
  std::optional<ConntrackDump> dump_;
  std::function<void(bool)> done_;
  bool at_start_ = false;
  bool again_ = false;
  bool waiting_ = false;  // for the end of the pause
  std::optional<std::chrono::steady_clock::time_point> begun_;
  std::uint64_t readings_ = 0, failures_ = 0;
};

}  // namespace tollgate
