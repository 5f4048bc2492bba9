// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <string>

namespace tollgate {

// Something that takes its time, done in a child process while the loop goes on: it may wait for
// packets that only this very loop answers.
class ChildTask {
 public:
  // `work` runs in the child and returns what it has to say; `done` is called with that on the loop,
  // once, and may destroy the task. A child that died without a word says "". Throws
  // std::system_error when no process can be had. The child ends when the daemon does.
  ChildTask(boost::asio::io_context& loop, const std::function<std::string()>& work,
            std::function<void(const std::string&)> done);
  ~ChildTask();
  ChildTask(const ChildTask&) = delete;
  ChildTask& operator=(const ChildTask&) = delete;

 private:
  void read_more();

  boost::asio::posix::stream_descriptor pipe_;
  std::function<void(const std::string&)> done_;
  std::string said_;
  std::string buffer_;
  int child_ = -1;
};

}  // namespace tollgate
