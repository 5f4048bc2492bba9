// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "tollgate/base/result.hpp"
#include "tollgate/config/config.hpp"
#include "tollgate/engine/effect.hpp"
#include "tollgate/engine/event.hpp"

namespace tollgate {

// One entry of the table, and its whole mark.
using ConntrackVisitor = std::function<void(const ConntrackEntry& entry, std::uint32_t mark)>;

struct ConntrackCounters {
  std::uint64_t events = 0;
  std::uint64_t overruns = 0;  // ENOBUFS on the event socket: events were lost
  std::uint64_t marks_set = 0;
  std::uint64_t mark_misses = 0;  // no such entry (any more)
  std::uint64_t mark_errors = 0;  // refused otherwise
};

// ctnetlink (linux/netfilter/nfnetlink_conntrack.h): events of flows that end, marks, the table.
class Conntrack {
 public:
  // With `loopback` exempt the kernel leaves out the events of flows from loopback addresses.
  static Result<std::unique_ptr<Conntrack>, std::string> open(
      std::uint32_t mark_mask, LoopbackHandling loopback = LoopbackHandling::decide);
  virtual ~Conntrack() = default;

  virtual int event_fd() const = 0;  // non-blocking; DESTROY events, both families
  // Receives what is there, at most `budget` messages. True when there may be more.
  virtual bool receive_events(unsigned budget, const std::function<void(const ConntrackChanged&)>& each) = 0;
  // Writes our field of the mark, no other bit. Never blocks: the kernel does it at once and its
  // replies are counted.
  virtual void set_marks(std::span<const SetMark> marks) = 0;
  // The whole table, both families; blocks. Directions are left to the caller. Errors name what the
  // kernel said.
  virtual Result<std::uint64_t, std::string> dump(const ConntrackVisitor& each) = 0;
  virtual ConntrackCounters counters() const = 0;
};

}  // namespace tollgate
