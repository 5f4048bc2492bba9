// SPDX-License-Identifier: GPL-2.0-or-later
#include "aside.hpp"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>
#include <utility>

namespace tollgate {

Aside::Aside(boost::asio::io_context& loop) : rung_{loop} {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw std::system_error{errno, std::generic_category(), "eventfd"};
  rung_.assign(fd);
  wait_for_done();
}

Aside::~Aside() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  more_.notify_one();
  thread_.join();
}

void Aside::run(std::function<void()> work, std::function<void()> done) {
  {
    const std::lock_guard lock{mutex_};
    waiting_.push_back({std::move(work), std::move(done)});
  }
  more_.notify_one();
  if (thread_.joinable()) return;
  // Signals are the loop's.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread{[this] { work_until_stopped(); }};
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// In the thread.
void Aside::work_until_stopped() {
  constexpr std::uint64_t kOne = 1;
  // What decides goes first where processors are few. Of this thread alone (setpriority(2), NOTES), and no
  // harm where it is not allowed.
  constexpr int kNiceness = 10;
  [[maybe_unused]] const int nicer = ::setpriority(PRIO_PROCESS, 0, kNiceness);
  std::unique_lock lock{mutex_};
  for (;;) {
    more_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    Piece piece = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    piece.work();
    piece.work = nullptr;
    lock.lock();
    done_.push_back(std::move(piece.done));
    // It cannot be full: the loop takes all that there is.
    [[maybe_unused]] const ssize_t rung = ::write(rung_.native_handle(), &kOne, sizeof kOne);
  }
}

void Aside::wait_for_done() {
  rung_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    std::uint64_t times = 0;
    [[maybe_unused]] const ssize_t taken = ::read(rung_.native_handle(), &times, sizeof times);
    std::deque<std::function<void()>> done;
    {
      const std::lock_guard lock{mutex_};
      done.swap(done_);
    }
    wait_for_done();
    for (const auto& one : done) one();
  });
}

}  // namespace tollgate
