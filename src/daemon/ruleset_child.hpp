// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <string>

namespace tollgate {

// Takes the rules away in a child process. Removing them waits until no packet waits in any queue,
// and those that do are answered by this very loop: so it has to go on meanwhile.
class RulesetChild {
 public:
  // `done` is called on the loop with "" or with what could not be removed. Throws
  // std::system_error when no process can be had.
  RulesetChild(boost::asio::io_context& loop, std::function<void(const std::string&)> done);
  ~RulesetChild();
  RulesetChild(const RulesetChild&) = delete;
  RulesetChild& operator=(const RulesetChild&) = delete;

 private:
  void read_more();

  boost::asio::posix::stream_descriptor pipe_;
  std::function<void(const std::string&)> done_;
  std::string said_;
  std::string buffer_;
  int child_ = -1;
};

}  // namespace tollgate
