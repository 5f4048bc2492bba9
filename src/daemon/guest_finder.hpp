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
// destination. Looks aside, and remembers for a second what is behind an address, or that nothing is: a
// sender is looked for once a second, however many connections it begins.
class GuestFinder {
 public:
  using Answer = std::function<void(const ProcessFound&)>;
  // In the network namespace of the calling thread. `later` is for what is not known at once.
  GuestFinder(boost::asio::io_context& loop, Answer later);

  std::optional<ProcessFound> look_up(const LookUp& asked);
  const AttributionCounters& counters() const { return counters_; }

  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kGood{1};
  static constexpr std::size_t kMostKnown = 16'384;  // addresses; when it is full all are forgotten
  static constexpr std::size_t kMostWaiting = 1024;  // pairs of addresses; past it nobody is known

 private:
  struct Question {
    IpAddress source, destination;
    std::uint32_t arrival = 0;
    friend auto operator<=>(const Question&, const Question&) = default;
  };
  // Where a packet's end is: `arrival` as in Guests::behind.
  struct Place {
    IpAddress address;
    std::uint32_t arrival = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  struct Known {
    ProcessPointer guest;  // nullptr: none
    Clock::time_point until;
  };
  struct Found {
    ProcessPointer sender, receiver;  // the latter is only looked for when there is no sender
  };
  // nullopt: somebody has to look.
  std::optional<ProcessPointer> known(const Place& place) const;
  void remember(const Place& place, const ProcessPointer& guest);
  void look(const Question& question, bool sender_is_known);
  void told(const Question& question, const Found& found);
  ProcessFound answer(const FlowRef& flow, const ProcessPointer& guest);

  boost::asio::io_context& loop_;
  Answer later_;
  std::map<Question, std::vector<FlowRef>> waiting_;
  std::map<Place, Known> known_;
  AttributionCounters counters_;
  std::optional<Guests> guests_;  // the thread's, while there is one; none: the kernel refused
  std::unique_ptr<Aside> aside_;  // begins with the first question; the last to be made, the first to go
};

}  // namespace tollgate
