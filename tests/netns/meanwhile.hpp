// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <cstring>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "scene.hpp"

namespace tollgate::test {

// Traffic that goes on beside the test, from a thread of its own: over a stream that was there before,
// piece after piece, compared byte by byte; and over one new connection after another. Nothing may
// be lost for ever: a datagram that gets no answer, a stream that breaks, a connection that is not
// made is trouble.
class Meanwhile {
 public:
  enum class Datagrams { no, yes };  // a new UDP socket each time, and one datagram that nobody repeats
  Meanwhile(std::vector<Way> ways, Datagrams datagrams) : ways_{std::move(ways)}, datagrams_{datagrams} {
    for (const Way& way : ways_) streams_.push_back(way.open(Transport::tcp));
    thread_ = std::thread{[this] { go_on(); }};
  }
  Meanwhile(const Meanwhile&) = delete;
  Meanwhile& operator=(const Meanwhile&) = delete;
  ~Meanwhile() { stop(); }

  // Returns when every way was gone through once more after the call; throws when there is trouble.
  void once_more() {
    const std::uint64_t from = rounds_ + 1;  // the one that is under way began earlier
    wait_until("traffic", [&] {
      if (troubled_) throw std::runtime_error{trouble_};
      return rounds_ > from;
    });
  }
  // Ends it. What went wrong; "" when nothing did.
  std::string stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return trouble_;
  }
  // Connections made, beside the streams.
  std::uint64_t connections() const { return rounds_ * ways_.size(); }

 private:
  static constexpr std::size_t kPiece = 32 * 1024;

  void go_on() {
    try {
      for (; !stop_; ++rounds_) {
        for (std::size_t i = 0; i < ways_.size(); ++i) {
          require("the stream", ways_[i], exchange(streams_[i], Transport::tcp, kPiece));
          require("a connection", ways_[i], ways_[i].talk(Transport::tcp));
          if (datagrams_ == Datagrams::yes) require("a datagram", ways_[i], ways_[i].talk(Transport::udp));
        }
      }
    } catch (const std::exception& problem) {
      trouble_ = problem.what() + (", round " + std::to_string(rounds_));
      troubled_ = true;
    }
  }
  static void require(const char* what, const Way& way, int error) {
    if (error != 0) throw std::runtime_error{what + (" " + way.name()) + ": " + std::strerror(error)};
  }

  std::vector<Way> ways_;
  Datagrams datagrams_;
  std::vector<Socket> streams_;
  std::atomic<std::uint64_t> rounds_{0};
  std::atomic<bool> stop_{false}, troubled_{false};
  std::string trouble_;  // before troubled_, or once the thread has ended
  std::thread thread_;
};

// Packets that were queued for the daemon and never got its verdict, in words; "" when none.
inline std::string lost_packets(const DaemonUnderTest& daemon) {
  const Status status = daemon.status();
  std::string lost;
  const auto tell = [&](const std::string& how, std::uint64_t count) {
    if (count != 0) lost += how + ": " + std::to_string(count) + "; ";
  };
  tell("the queue was full", status.queue.kernel_dropped);
  tell("the socket was full", status.queue.user_dropped);
  tell("gone when the verdict came", status.errors.at("queue_verdict"));
  return lost;
}

}  // namespace tollgate::test
