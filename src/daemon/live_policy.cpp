// SPDX-License-Identifier: GPL-2.0-or-later
#include "live_policy.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "linux/state_file.hpp"
#include "linux/system_sources.hpp"
#include "tollgate/engine/configured.hpp"

namespace tollgate {
namespace {

Diagnostics refusal(std::string message) { return {{"", 0, 0, std::move(message)}}; }

std::string quoted(const std::string& name) { return "\"" + name + "\""; }

std::chrono::system_clock::time_point on_the_wall(Time time) {
  return std::chrono::system_clock::time_point{
      std::chrono::duration_cast<std::chrono::system_clock::duration>(time.time_since_epoch())};
}

void append(Diagnostics& to, const Diagnostics& more) { to.insert(to.end(), more.begin(), more.end()); }

}  // namespace

// What is done aside: all of its own.
struct LivePolicy::Work {
  std::string config_path;
  Config config;
  std::string file;
  PolicyPointer before;
  Cause cause = Cause::policy;
  AddedRules added;

  Swap swap;
  Diagnostics problems;

  void run() {
    try {
      cause == Cause::policy ? read_files() : change_rules();
    } catch (const std::exception& problem) {
      problems = refusal(problem.what());
    }
    if (!swap.replaced.policy) return;
    swap.replaced.cause = cause;
    swap.replaced.touched = touched_layers(*before, *swap.replaced.policy);
    before.reset();
  }

 private:
  void read_files() {
    const auto now = load_config(config_path);
    if (!now) problems = now.error();
    SystemSources sources;
    auto policy = load_policy(config.policy, policy_features(config), sources, {file, added.to_text()});
    if (!policy) append(problems, policy.error());
    if (!problems.empty()) return;
    swap.replaced.policy = *policy;
    swap.lists = sources.lists();
    swap.config_differs = !(*now == config);
  }

  void change_rules() {
    SystemSources sources;
    const std::string text = added.to_text();
    auto policy = before->with_added({file, text}, policy_features(config), sources);
    if (!policy) {
      problems = policy.error();
      return;
    }
    if (const auto problem = replace_file(file, text)) {
      // A rule whose time is over is over, whatever the disk says.
      if (cause != Cause::expired) {
        problems = refusal(*problem);
        return;
      }
      swap.not_saved = *problem;
    }
    swap.replaced.policy = *policy;
  }
};

LivePolicy::LivePolicy(boost::asio::io_context& loop, std::string config_path, const Config& config,
                       PolicyPointer policy, AddedRules added, std::function<void(const Swap&)> swap)
    : config_path_{std::move(config_path)},
      config_{config},
      file_{added_rules_file(config.state)},
      policy_{std::move(policy)},
      added_{std::move(added)},
      swap_{std::move(swap)},
      expiry_{loop},
      aside_{loop} {
  watch_expiry();
}

void LivePolicy::reload(Done done) {
  if (!waiting_.empty() && waiting_.back().cause == Cause::policy) {
    waiting_.back().done.push_back(std::move(done));
    return;
  }
  request({Cause::policy, [](AddedRules&, std::string&) { return Diagnostics{}; }, {std::move(done)}});
}

void LivePolicy::add(AddedRule rule, std::function<void(const Result<std::string, Diagnostics>&)> told) {
  const auto name = std::make_shared<std::string>();
  auto change = [this, name, rule = std::move(rule)](AddedRules& added, std::string& what) mutable {
    if (added.full())
      return refusal("there are " + std::to_string(AddedRules::kMost) + " added rules already");
    if (rule.expires && *rule.expires <= SystemSources{}.now()) return refusal("rule.expires is in the past");
    if (rule.name.empty()) rule.name = added.free_name(*policy_);
    if (added.has(rule.name))
      return refusal("rule.name " + quoted(rule.name) + " is that of another added rule");
    *name = rule.name;
    what = "rule " + quoted(rule.name) + " added";
    added.add(std::move(rule));
    return Diagnostics{};
  };
  request({Cause::rule, std::move(change), {[this, name, told = std::move(told)](const Diagnostics& why) {
             if (why.empty()) return told(*name);
             // Those that were there before have been found good: it is the new one, which nobody wrote
             // into that file.
             Diagnostics shown = why;
             for (Diagnostic& one : shown) {
               if (one.file == file_) one = {"", 0, 0, one.message};
             }
             told(shown);
           }}});
}

void LivePolicy::remove(const std::string& name, Done done) {
  auto change = [this, name](AddedRules& added, std::string& what) {
    what = "rule " + quoted(name) + " removed";
    if (added.remove(name)) return Diagnostics{};
    const auto rules = policy_->rules();
    const auto found = std::ranges::find(rules, name, &Rule::name);
    if (found == rules.end()) return refusal("there is no rule " + quoted(name));
    return refusal("rule " + quoted(name) + " was not added at run time: it is that of " + found->file + ":" +
                   std::to_string(found->line));
  };
  request({Cause::rule, std::move(change), {std::move(done)}});
}

void LivePolicy::tell(const Request& request, const Diagnostics& why) {
  for (const Done& done : request.done) done(why);
}

void LivePolicy::request(Request request) {
  waiting_.push_back(std::move(request));
  next();
}

void LivePolicy::next() {
  while (!busy_ && !waiting_.empty()) {
    auto request = std::make_shared<Request>(std::move(waiting_.front()));
    waiting_.pop_front();
    auto work = std::make_shared<Work>();
    *work = {config_path_, config_, file_, policy_, request->cause, added_, {}, {}};
    const Time now = SystemSources{}.now();
    const auto expiry = policy_->next_expiry();
    // Somebody was faster: what is over was left out of the policy that they had made.
    if (request->cause == Cause::expired && (!expiry || *expiry > now)) continue;
    work->added.drop_expired(now);
    const Diagnostics refused = request->change(work->added, work->swap.what);
    if (!refused.empty()) {
      tell(*request, refused);
      continue;
    }
    busy_ = true;
    aside_.run([work] { work->run(); },
               [this, request, work] {
                 busy_ = false;
                 finish(*request, *work);
                 next();
               });
  }
}

void LivePolicy::finish(const Request& request, Work& work) {
  if (work.problems.empty()) {
    added_ = std::move(work.added);
    swap_(work.swap);
    // A large policy takes its time to go, too.
    aside_.run([old = std::exchange(policy_, work.swap.replaced.policy)]() mutable { old.reset(); }, [] {});
  }
  tell(request, work.problems);
  watch_expiry();
}

// By the clock on the wall, which somebody may set: looked at again whenever the timer ends.
void LivePolicy::watch_expiry() {
  const auto next = policy_->next_expiry();
  if (!next) {
    expiry_.cancel();
    return;
  }
  expiry_.expires_at(on_the_wall(*next));
  expiry_.async_wait([this, next](boost::system::error_code error) {
    if (error) return;
    if (SystemSources{}.now() < *next) return watch_expiry();
    request({Cause::expired,
             [](AddedRules&, std::string& what) {
               what = "the time of a rule is over";
               return Diagnostics{};
             },
             {}});
  });
}

}  // namespace tollgate
