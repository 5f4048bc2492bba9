// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "child_task.hpp"
#include "clock.hpp"
#include "linux/ruleset_watch.hpp"
#include "log_sink.hpp"
#include "tollgate/config/config.hpp"
#include "tollgate/ruleset/live_rules.hpp"

namespace tollgate {

// Keeps our rules in place and up to date, by child processes, one at a time.
//
// In place: whenever somebody changes the rules of the network namespace it looks whether ours are
// still there (`flush ruleset` takes them along) and loads them again. A look costs a process, so there
// is at most one in kPause. What is lost meanwhile cannot be helped: with no rule of ours in the kernel
// nothing asks us.
//
// Up to date: what changes while we run (LiveRules) is put into the loaded rules; changes that come
// while that happens go together.
class RulesetKeeper {
 public:
  static constexpr std::chrono::milliseconds kPause{500};

  // The rules are loaded, with `live` in them. `automatic`: they are somebody else's (ruleset =
  // "none"), of either dialect; then they are kept up to date but not in place.
  RulesetKeeper(boost::asio::io_context& loop, const Config& config, Backend backend, const LiveRules& live,
                const Clock& clock, LogSink& log);
  ~RulesetKeeper();
  RulesetKeeper(const RulesetKeeper&) = delete;
  RulesetKeeper& operator=(const RulesetKeeper&) = delete;

  // What is to stand in the rules from now on.
  void want(const LiveRules& live);

  std::uint64_t updated() const { return updated_; }  // times that live parts were replaced
  std::uint64_t restored() const { return restored_; }
  std::uint64_t failed() const { return failed_; }

 private:
  void watch();
  void wait();
  void work();
  void look();
  void on_looked(const std::string& said);
  void update();
  void on_updated(const LiveRules& live, const std::string& said);
  void start(const std::function<std::string()>& work, std::function<void(const std::string&)> done);
  void rest();

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
  LiveRules wanted_, loaded_;
  std::uint64_t updated_ = 0, restored_ = 0, failed_ = 0;
};

}  // namespace tollgate
