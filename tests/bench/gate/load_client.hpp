// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace tollgate::bench {

[[noreturn]] inline void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

// What the loads of the speed bench share: so many exchanges, so many of them at once, a socket for each, all
// timed. At the end it prints  seconds rate p50_us p99_us.
class LoadClient {
 public:
  LoadClient(std::size_t count, std::size_t at_once)
      : count_{count}, at_once_{at_once}, events_{::epoll_create1(0)}, begun_(65536) {
    microseconds_.reserve(count);
  }
  virtual ~LoadClient() = default;
  LoadClient(const LoadClient&) = delete;
  LoadClient& operator=(const LoadClient&) = delete;

  void run() {
    const Clock::time_point start = Clock::now();
    for (std::size_t i = 0; i < std::min(at_once_, count_); ++i) begin_next();
    std::array<epoll_event, 64> ready{};
    while (microseconds_.size() < count_) {
      const int found = ::epoll_wait(events_, ready.data(), static_cast<int>(ready.size()), 60'000);
      if (found <= 0) fail("nothing for a minute");
      for (int i = 0; i < found; ++i) end(ready[static_cast<std::size_t>(i)].data.fd);
    }
    report(std::chrono::duration<double>(Clock::now() - start).count());
  }

 protected:
  using Clock = std::chrono::steady_clock;

  // Begins the exchange of that number (1, 2, …): opened(), watch(), and time() right before what is timed.
  virtual void begin(std::size_t number) = 0;
  // What was waited for is there. Returns how long it took, by since().
  virtual Clock::duration finish(int fd) = 0;

  int opened(int fd) const {
    if (fd < 0 || static_cast<std::size_t>(fd) >= begun_.size()) fail("socket");
    return fd;
  }
  void watch(int fd, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    if (::epoll_ctl(events_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
  }
  void time(int fd) { begun_[static_cast<std::size_t>(fd)] = Clock::now(); }
  Clock::duration since(int fd) const { return Clock::now() - begun_[static_cast<std::size_t>(fd)]; }

 private:
  void begin_next() { begin(++started_); }

  void end(int fd) {
    const Clock::duration took = finish(fd);
    ::close(fd);
    microseconds_.push_back(std::chrono::duration<double, std::micro>(took).count());
    if (started_ < count_) begin_next();
  }

  void report(double seconds) {
    std::ranges::sort(microseconds_);
    const auto at = [&](std::size_t per_cent) {
      return microseconds_[(microseconds_.size() - 1) * per_cent / 100];
    };
    std::printf("%.6f %.1f %.1f %.1f\n", seconds, static_cast<double>(count_) / seconds, at(50), at(99));
  }

  std::size_t count_;
  std::size_t at_once_;
  int events_;
  std::size_t started_ = 0;
  std::vector<Clock::time_point> begun_;  // by descriptor
  std::vector<double> microseconds_;
};

}  // namespace tollgate::bench
