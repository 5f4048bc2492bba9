// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <compare>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "aside.hpp"
#include "linux/attribution.hpp"
#include "linux/guests.hpp"
#include "tollgate/engine/effect.hpp"
#include "tollgate/engine/event.hpp"

namespace tollgate {

// Names the container or virtual machine of a forwarded flow: that of its source, else that of its
// destination. Looks aside, and remembers for a second what is behind an address, or that nothing is.
class GuestFinder {
 public:
  using Answer = std::function<void(const ProcessFound&)>;
  // In the network namespace of the calling thread. `later` is for what is not known at once.
  GuestFinder(boost::asio::io_context& loop, Answer later);

  std::optional<ProcessFound> look_up(const LookUp& asked);
  const AttributionCounters& counters() const { return counters_; }

  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kGood{1};
  static constexpr std::size_t kMostKnown = 4096;    // when it is full all are forgotten
  static constexpr std::size_t kMostWaiting = 1024;  // pairs of addresses; past it nobody is known

 private:
  struct Question {
    IpAddress source, destination;
    std::uint32_t arrival = 0;
    friend auto operator<=>(const Question&, const Question&) = default;
  };
  struct Known {
    ProcessPointer guest;  // nullptr: none
    Clock::time_point until;
  };
  void look(const Question& question);
  void told(const Question& question, const ProcessPointer& guest);
  ProcessFound answer(const FlowRef& flow, const ProcessPointer& guest);

  boost::asio::io_context& loop_;
  Answer later_;
  std::map<Question, std::vector<FlowRef>> waiting_;
  std::map<Question, Known> known_;
  AttributionCounters counters_;
  std::optional<Guests> guests_;  // the thread's, while there is one; none: the kernel refused
  std::unique_ptr<Aside> aside_;  // begins with the first question; the last to be made, the first to go
};

}  // namespace tollgate
