// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <unbound-event.h>

#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "tollgate/flow/five_tuple.hpp"

namespace tollgate {

// The event loop that libunbound is given (<unbound-event.h>): its sockets and timers, in one epoll(7)
// descriptor that whoever has a loop of his own waits for. So it needs no thread and no process.
class UnboundEvents {
 public:
  // Told of every connection that libunbound has open, from before its first packet can be seen here.
  using Own = std::function<void(const FiveTuple& tuple, bool open)>;

  // Throws std::system_error when there are no descriptors to be had.
  explicit UnboundEvents(Own own);
  ~UnboundEvents();
  UnboundEvents(const UnboundEvents&) = delete;
  UnboundEvents& operator=(const UnboundEvents&) = delete;

  ub_event_base* base();
  // Readable when process() has something to do.
  int fd() const { return epoll_; }
  // Does what is due, some of it if there is much, and does not wait.
  void process();

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Base;
  struct Event;
  struct Calls;  // what libunbound calls
  using Timers = std::multimap<SteadyTime, Event*>;

  bool activate(Event& event, const timeval* timeout);
  void deactivate(Event& event);
  void watch(Event& event);
  void unwatch(Event& event);
  void tell(Event& event);
  void set_timer(Event& event);
  void clear_timer(Event& event);
  void fire(Event& event, short bits);
  void run_timers();
  void arm();

  Own own_;
  int epoll_ = -1;
  int timer_ = -1;
  std::unique_ptr<Base> base_;
  // By a number that is new each time that one is watched: what epoll tells may be of one that is gone.
  boost::unordered_flat_map<std::uint64_t, Event*> watched_;
  std::uint64_t last_number_ = 0;
  Timers timers_;
  std::optional<SteadyTime> armed_;
};

}  // namespace tollgate
