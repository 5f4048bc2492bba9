// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace tollgate {

// Work that takes too long for the loop and touches nothing of it, in a thread of its own, one piece after
// the other. Nothing else of the daemon may be seen from there: what a piece needs it brings as values (or
// as what never changes), and what it makes is handed over when it is done. Neither Asio nor the log is for
// that thread: it rings an eventfd(2), and the loop looks.
class Aside {
 public:
  // Throws std::system_error when there is no eventfd to be had.
  explicit Aside(boost::asio::io_context& loop);
  // Lets the piece under way come to its end. What waits is not begun, and no `done` is called any more.
  ~Aside();
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

  // `work` must not throw; what it holds is let go in the thread. Then `done` is called on the loop. The
  // thread begins with the first piece, with the privileges of that moment; throws std::system_error when
  // there is none to be had.
  void run(std::function<void()> work, std::function<void()> done);

 private:
  struct Piece {
    std::function<void()> work;
    std::function<void()> done;
  };

  void work_until_stopped();
  void wait_for_done();

  boost::asio::posix::stream_descriptor rung_;
  std::mutex mutex_;  // for all that follows
  std::condition_variable more_;
  std::deque<Piece> waiting_;
  std::deque<std::function<void()>> done_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tollgate
