// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "linux/file_watch.hpp"
#include "log_sink.hpp"

namespace tollgate {

// Calls when a file of the policy's lists has changed on disk, once they have been left alone for
// kQuiet: whoever fetches lists replaces several.
class ListWatch {
 public:
  static constexpr std::chrono::milliseconds kQuiet{500};

  // Where the kernel gives no inotify it says so, and lists are read at a reload only.
  ListWatch(boost::asio::io_context& loop, LogSink& log, std::function<void()> on_change);
  ~ListWatch();
  ListWatch(const ListWatch&) = delete;
  ListWatch& operator=(const ListWatch&) = delete;

  // The files of the policy in force.
  void watch(std::span<const std::string> files);

 private:
  void wait();

  LogSink& log_;
  std::function<void()> on_change_;
  std::optional<FileWatch> files_;
  boost::asio::posix::stream_descriptor events_;
  boost::asio::steady_timer quiet_;
};

}  // namespace tollgate
