// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "clock.hpp"
#include "doorbell.hpp"
#include "linux/closing_segments.hpp"
#include "linux/conntrack.hpp"
#include "linux/conntrack_events.hpp"
#include "linux/interfaces.hpp"
#include "linux/socket_diag.hpp"
#include "log_sink.hpp"
#include "table_reader.hpp"
#include "tollgate/config/config.hpp"
#include "tollgate/engine/effect.hpp"
#include "tollgate/engine/engine.hpp"
#include "tollgate/ruleset/live_rules.hpp"

namespace tollgate {

struct FollowerCounters {
  std::uint64_t conntrack_events = 0, conntrack_overruns = 0;
  std::uint64_t socket_events = 0, socket_overruns = 0;
  std::uint64_t segment_overruns = 0;
  MarkCounts marks;
  std::uint64_t torn_down = 0;         // local sockets that were ended
  std::uint64_t tear_down_gone = 0;    // that were gone already, or not this machine's
  std::uint64_t tear_down_failed = 0;  // the kernel refused: the next packet is answered by a reset
  std::uint64_t probes = 0, probe_errors = 0;
  std::uint64_t table_readings = 0;  // since the one at start
  std::uint64_t table_failures = 0;  // readings of the table that could not be finished
};

// Follows the flows that the kernel carries by itself, and does to them what the engine wants: marks,
// tear-downs, questions. Events of conntrack and of sockets become events of the engine; lost ones make
// the table be read again.
class FlowFollower {
 public:
  static constexpr std::chrono::milliseconds kRest{20};       // between two looks at the event sockets
  static constexpr std::chrono::milliseconds kSocketRest{1};  // the next program may have the port as soon
  static constexpr std::chrono::seconds kLoadInterval{10};    // between two looks at how full the table is
  static constexpr unsigned kFull = 90;                       // percent of its limit: is spoken of

  struct Parts {
    const Clock& clock;
    const Engine& engine;
    Conntrack& conntrack;
    ConntrackEvents& conntrack_events;
    SocketEvents& socket_events;
    ClosingSegments* segments;  // null: conntrack tells the ends of TCP connections
    SocketDiag& sockets;
    const Interfaces& interfaces;
    LogSink& log;
  };
  FlowFollower(boost::asio::io_context& loop, const Config& config, const Parts& parts, Turn turn);

  void start();
  // Takes what conntrack remembers into the flow table, in slices; `done` hears when it is over.
  void adopt(std::function<void(bool whole)> done) { table_.read_at_start(std::move(done)); }
  // Tear-downs, marks, probes, and whether the table is to be read. Answers come in later turns.
  void carry_out(const Effects& effects);
  // These sockets' flows the kernel accepts without asking (`peers = "any"`): while there are any, new
  // entries are told too, and the end of listening sockets.
  void follow_sockets(std::span<const SocketInRules> authorized);

  FollowerCounters counters() const;
  bool can_tear_down() const { return parts_.sockets.can_destroy(); }
  // As of now; nullopt when the kernel does not say.
  std::optional<ConntrackLoad> load() { return parts_.conntrack.load(); }

 private:
  Doorbell::Left take_conntrack_events();
  Doorbell::Left take_socket_events();
  Doorbell::Left take_segments();
  void on_gone(const SocketEntry& socket, const Deliver& deliver);
  void look_for_authorized_sockets();
  void look_at_new_authorizations(const Effects& effects);
  void withdraw_what_is_gone(std::vector<SocketGone> ends);
  void tear_down(const TearDown& flow);
  void answer_probes();
  void look_at_load();
  void overrun(const char* key, const char* what);

  boost::asio::io_context& loop_;
  Parts parts_;
  Turn turn_;
  EntryJudge judge_;
  TableReader table_;
  Doorbell conntrack_bell_;
  Doorbell socket_bell_;
  std::optional<Doorbell> segment_bell_;
  boost::asio::steady_timer load_timer_;
  std::deque<ProbeFlow> probes_;  // at most as many as there are flows: each waits for one answer
  bool tells_new_ = false, tells_tcp_ = false;
  std::uint64_t dropped_ = 0;  // by conntrack, already spoken of
  bool load_known_ = false;
  FollowerCounters counters_;
};

}  // namespace tollgate
