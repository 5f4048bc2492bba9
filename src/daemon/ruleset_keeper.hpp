// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "child_task.hpp"
#include "clock.hpp"
#include "linux/ruleset_watch.hpp"
#include "log_sink.hpp"
#include "tollgate/config/config.hpp"

namespace tollgate {

// Keeps our rules in place: whenever somebody changes the rules of the network namespace it looks
// whether ours are still there (`flush ruleset` takes them along) and loads them again. A look costs
// a process, so there is at most one in kPause. What is lost meanwhile cannot be helped: with no rule
// of ours in the kernel nothing asks us.
class RulesetKeeper {
 public:
  static constexpr std::chrono::milliseconds kPause{500};

  RulesetKeeper(boost::asio::io_context& loop, const Config& config, Backend backend, const Clock& clock,
                LogSink& log);
  ~RulesetKeeper();
  RulesetKeeper(const RulesetKeeper&) = delete;
  RulesetKeeper& operator=(const RulesetKeeper&) = delete;

  std::uint64_t restored() const { return restored_; }
  std::uint64_t failed() const { return failed_; }

 private:
  void wait();
  void look();
  void on_looked(const std::string& said);

  boost::asio::io_context& loop_;
  Config config_;
  const Clock& clock_;
  LogSink& log_;
  std::unique_ptr<RulesetWatch> watch_;
  boost::asio::posix::stream_descriptor events_;
  boost::asio::steady_timer pause_;
  std::unique_ptr<ChildTask> task_;
  bool resting_ = false;  // a look was taken less than kPause ago, or is being taken
  bool again_ = false;    // something changed meanwhile
  std::uint64_t restored_ = 0, failed_ = 0;
};

}  // namespace tollgate
