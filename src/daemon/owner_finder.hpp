// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <span>
#include <unordered_map>

#include "guest_finder.hpp"
#include "linux/attribution.hpp"
#include "tollgate/engine/effect.hpp"
#include "tollgate/engine/event.hpp"

namespace tollgate {

// Looks for the owners of flows: at once where that is possible, else a slice at each turn of the loop,
// between which everything else goes on.
class OwnerFinder {
 public:
  using Answer = std::function<void(const ProcessFound&)>;
  // `later`: for answers that come while nobody asks. `attribution` must outlive it.
  OwnerFinder(boost::asio::io_context& loop, Attribution& attribution, Answer later);
  ~OwnerFinder();
  OwnerFinder(const OwnerFinder&) = delete;
  OwnerFinder& operator=(const OwnerFinder&) = delete;

  // `now` is called for each that is known at once.
  void look_up(std::span<const LookUp> asked, const Answer& now);
  // Of forwarded flows; all others are Attribution's.
  const AttributionCounters& forwarded() const { return guests_.counters(); }

 private:
  void search_soon();
  void search();
  void rest();
  void wait(boost::asio::posix::stream_descriptor& descriptor);

  boost::asio::io_context& loop_;
  Attribution& attribution_;
  GuestFinder guests_;
  Answer later_;
  boost::asio::posix::stream_descriptor events_;
  boost::asio::posix::stream_descriptor images_;
  std::unordered_map<Attribution::Ticket, FlowRef> searched_;  // tickets are the ids of flows
  boost::asio::steady_timer rest_;                             // before what nobody waits for goes on
  bool searching_ = false;                                     // a turn will come by itself
};

}  // namespace tollgate
