// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset_keeper.hpp"

#include <exception>

#include "linux/ruleset_apply.hpp"

namespace tollgate {
namespace {

constexpr const char* kThere = "there";
constexpr const char* kRestored = "restored";

// In a child process.
std::string look_and_restore(const Config& config) {
  if (ruleset_present(config.backend)) return kThere;
  const auto applied = apply_ruleset(config);
  return applied.ok() ? kRestored : applied.error().message;
}

}  // namespace

RulesetKeeper::RulesetKeeper(boost::asio::io_context& loop, const Config& config, Backend backend,
                             const Clock& clock, LogSink& log)
    : loop_{loop}, config_{config}, clock_{clock}, log_{log}, events_{loop}, pause_{loop} {
  config_.backend = backend;
  auto watch = RulesetWatch::open();
  if (!watch.ok()) {
    log_.message(LogLevel::warning, watch.error() + ": rules that somebody removes are not restored");
    return;
  }
  watch_ = std::move(*watch);
  events_.assign(watch_->fd());
  wait();
}

RulesetKeeper::~RulesetKeeper() {
  if (watch_) events_.release();
}

void RulesetKeeper::wait() {
  events_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this](boost::system::error_code error) {
                       if (error) return;
                       if (watch_->changed()) {
                         again_ = true;
                         if (!resting_) look();
                       }
                       wait();
                     });
}

void RulesetKeeper::look() {
  again_ = false;
  resting_ = true;
  try {
    task_ = std::make_unique<ChildTask>(
        loop_, [this] { return look_and_restore(config_); },
        [this](const std::string& said) { on_looked(said); });
  } catch (const std::exception& problem) {
    on_looked(problem.what());
  }
}

void RulesetKeeper::on_looked(const std::string& said) {
  task_.reset();
  if (said == kRestored) {
    ++restored_;
    log_.trouble("ruleset-restored", LogLevel::warning,
                 "somebody removed the rules (flush ruleset?): they are loaded again", clock_.now());
  } else if (said != kThere) {
    ++failed_;
    again_ = true;  // tried until it works
    log_.trouble("ruleset-lost", LogLevel::error, "the rules are gone and cannot be loaded: " + said,
                 clock_.now());
  }
  pause_.expires_after(kPause);
  pause_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    resting_ = false;
    if (again_) look();
  });
}

}  // namespace tollgate
