// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>

namespace tollgate {

// Waits for a socket whose news can wait a moment: after each look at it, it is left alone for `rest`,
// in which whatever comes wakes nobody (EPOLLONESHOT; the loop's own descriptors would wake it for
// every message). Thousands of messages a second so cost as many wake-ups as there are rests.
class Doorbell {
 public:
  // `look` takes some of what is there, and says what is left: more of it means that it is called
  // again in the next turn of the loop. The socket belongs to the caller and outlives this.
  enum class Left : std::uint8_t { nothing, more };
  Doorbell(boost::asio::io_context& loop, int socket, std::chrono::milliseconds rest,
           std::function<Left()> look);
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  void start();

 private:
  void wait();
  void on_ring();
  void look();
  void arm(int operation);

  int socket_;
  std::chrono::milliseconds rest_;
  std::function<Left()> look_;
  boost::asio::posix::stream_descriptor bell_;  // an epoll(7) of its own
  boost::asio::steady_timer timer_;
};

}  // namespace tollgate
