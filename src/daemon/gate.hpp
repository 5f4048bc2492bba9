// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <string>

#include "clock.hpp"
#include "linux/conntrack.hpp"
#include "linux/interfaces.hpp"
#include "linux/queue.hpp"
#include "log_sink.hpp"
#include "tollgate/engine/engine.hpp"

namespace tollgate {

// The engine and the kernel's sockets, joined by the event loop: what the kernel says becomes events,
// what the engine wants is done, and one timer stands for all its deadlines. All that it is given
// must outlive it.
class Gate {
 public:
  struct Parts {
    const Clock& clock;
    Engine& engine;
    PacketQueue& queue;
    Conntrack& conntrack;
    Interfaces& interfaces;
    LogSink& log;
  };

  Gate(boost::asio::io_context& loop, const Parts& parts, std::function<void(const FlowChanged&)> publish);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // From here on packets are answered whenever the loop runs.
  void start();
  // An event that comes from elsewhere.
  void handle(const Event& event);
  // Takes what conntrack remembers into the flow table; flows without a verdict are decided. Returns
  // how many flows that were, or what the kernel said.
  Result<std::uint64_t, std::string> adopt();
  // Lets the kernel queue nothing more and answers everything that waits there.
  void drain();

 private:
  void wait_for_packets();
  void wait_for_conntrack();
  void wait_for_interfaces();
  void receive_packets();
  void carry_out();
  void arm_timer();

  Parts parts_;
  std::function<void(const FlowChanged&)> publish_;
  boost::asio::posix::stream_descriptor queue_;
  boost::asio::posix::stream_descriptor conntrack_;
  boost::asio::posix::stream_descriptor interfaces_;
  boost::asio::steady_timer timer_;
  std::optional<Time> armed_;
  Effects effects_;
  std::uint64_t enobufs_ = 0, overruns_ = 0;  // already spoken of
};

}  // namespace tollgate
