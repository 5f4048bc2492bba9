// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset_keeper.hpp"

#include <exception>
#include <utility>

#include "linux/ruleset_apply.hpp"

namespace tollgate {
namespace {

constexpr const char* kThere = "there";
constexpr const char* kRestored = "restored";
constexpr const char* kUpdated = "updated";

// --- in a child process

std::string update_rules(const Config& config, const LiveRules& live) {
  const auto updated = update_live_rules(config.backend, config, live);
  return updated.ok() ? kUpdated : updated.error().message;
}

std::string look_and_restore(const Config& config, const LiveRules& live) {
  if (config.ruleset == RulesetHandling::none) return update_rules(config, live);
  if (!ruleset_present(config.backend)) {
    const auto applied = apply_ruleset(config, live);
    return applied.ok() ? kRestored : applied.error().message;
  }
  if (live_rules_present(config.backend, config, live)) return kThere;
  return update_rules(config, live);
}

}  // namespace

RulesetKeeper::RulesetKeeper(boost::asio::io_context& loop, const Config& config, Backend backend,
                             const LiveRules& live, const Clock& clock, LogSink& log)
    : loop_{loop},
      config_{config},
      clock_{clock},
      log_{log},
      events_{loop},
      pause_{loop},
      wanted_{live},
      loaded_{live} {
  config_.backend = backend;
  if (backend != Backend::automatic) watch();
}

RulesetKeeper::~RulesetKeeper() {
  if (watch_) events_.release();
}

void RulesetKeeper::watch() {
  auto watch = RulesetWatch::open();
  if (!watch.ok()) {
    log_.message(LogLevel::warning, watch.error() + ": rules that somebody removes are not restored");
    return;
  }
  watch_ = std::move(*watch);
  events_.assign(watch_->fd());
  wait();
}

void RulesetKeeper::wait() {
  events_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this](boost::system::error_code error) {
                       if (error) return;
                       if (watch_->changed()) {
                         again_ = true;
                         work();
                       }
                       wait();
                     });
}

void RulesetKeeper::want(const LiveRules& live) {
  wanted_ = live;
  work();
}

// One child at a time. What the rules lack is put in before anybody looks whether they are there.
void RulesetKeeper::work() {
  if (task_) return;
  if (wanted_ != loaded_) {
    update();
  } else if (again_ && !resting_) {
    look();
  }
}

void RulesetKeeper::start(const std::function<std::string()>& work,
                          std::function<void(const std::string&)> done) {
  try {
    task_ = std::make_unique<ChildTask>(loop_, work, done);
  } catch (const std::exception& problem) {
    done(problem.what());
  }
}

void RulesetKeeper::look() {
  again_ = false;
  resting_ = true;
  start([this] { return look_and_restore(config_, wanted_); },
        [this](const std::string& said) { on_looked(said); });
}

void RulesetKeeper::on_looked(const std::string& said) {
  task_.reset();
  if (said == kRestored) {
    ++restored_;
    log_.trouble("ruleset-restored", LogLevel::warning,
                 "somebody removed the rules (flush ruleset?): they are loaded again", clock_.now());
  } else if (said == kUpdated) {
    ++updated_;
  } else if (said != kThere) {
    ++failed_;
    again_ = true;  // tried until it works
    log_.trouble("ruleset-lost", LogLevel::error, "the rules are gone and cannot be loaded: " + said,
                 clock_.now());
  }
  rest();
  work();
}

void RulesetKeeper::update() {
  start([this] { return update_rules(config_, wanted_); },
        [this, live = wanted_](const std::string& said) { on_updated(live, said); });
}

void RulesetKeeper::on_updated(const LiveRules& live, const std::string& said) {
  task_.reset();
  if (said == kUpdated) {
    ++updated_;
    loaded_ = live;
    return work();
  }
  ++failed_;
  log_.trouble("ruleset-live", LogLevel::error, "the rules cannot be brought up to date: " + said,
               clock_.now());
  // Perhaps they are gone; a look loads them with what is wanted.
  loaded_ = live;
  again_ = true;
  rest();
}

void RulesetKeeper::rest() {
  resting_ = true;
  pause_.expires_after(kPause);
  pause_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    resting_ = false;
    work();
  });
}

}  // namespace tollgate
