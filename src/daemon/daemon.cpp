// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "linux/ruleset_apply.hpp"
#include "linux/spare_memory.hpp"
#include "linux/system_sources.hpp"
#include "privileges.hpp"
#include "tollgate/control/flow_entry.hpp"
#include "tollgate/ruleset/queue_layout.hpp"

namespace tollgate {
namespace {

QueueOptions queue_options(const Config& config, const Policy& policy) {
  QueueOptions options;
  options.first = config.queue.number;
  options.max_length = config.queue.max_length;
  options.copy_range = config.queue.copy_range;
  options.copy_whole = asks_for_first_bytes(policy);
  options.socket_buffer = config.queue.socket_buffer;
  options.fail_open = config.fail == FailMode::open;
  options.mark_path = config.mark_path;
  options.mark_mask = config.mark_mask;
  return options;
}

EngineOptions daemon_options(const Config& config) {
  EngineOptions options = engine_options(config);
  options.attribution = config.process.lookup != ProcessLookup::off;
  std::random_device device;
  options.seed = std::uint64_t{device()} << 32 | device();
  return options;
}

template <class T>
T opened(Result<T, std::string> result) {
  if (!result.ok()) throw std::runtime_error{result.error()};
  return std::move(result.value());
}

// What the child says that takes the rules away; one that was killed says nothing.
constexpr const char* kRemoved = "removed";

std::string plural(std::uint64_t count, const char* one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

}  // namespace

Daemon::Daemon(std::string config_path, std::string base, const Config& config, PolicyPointer policy,
               AddedRules added, const std::set<std::string>& lists, LogSink& log)
    : config_path_{std::move(config_path)},
      base_{std::move(base)},
      config_{config},
      log_{log},
      started_{clock_.now()},
      policy_loaded_{started_},
      signals_{loop_, SIGTERM, SIGINT, SIGHUP},
      watchdog_{loop_},
      engine_{daemon_options(config), std::move(policy), &decide, &flow_memory_},
      live_parts_{config} {
  open_attribution();
  open_kernel();
  open_nameserver();
  control_ = std::make_unique<ControlServer>(
      loop_, ControlOptions{config_.socket, config_.socket_group, TOLLGATE_VERSION}, *this);
  gate_->want_hashes(asks_for(engine_.policy(), ProcessField::sha256));
  if (const auto problem = give_up_privileges(needs())) {
    throw std::runtime_error{"privileges could not be given up: " + *problem};
  }
  live_policy_ =
      std::make_unique<LivePolicy>(loop_, config_path_, config_, engine_.policy_pointer(), std::move(added),
                                   [this](const LivePolicy::Swap& swap) { swap_policy(swap); });
  lists_ = std::make_unique<ListWatch>(loop_, log_, [this] {
    log_.message(LogLevel::info, "a list has changed on disk: the policy is loaded again");
    reload([](const Diagnostics&) {});
  });
  watch_lists(lists);
  apply_rules();
  tracking_ =
      std::make_unique<TrackingWatch>(loop_, backend_, clock_, log_, [this] { return conntrack_load(); });
}

Daemon::~Daemon() = default;

AttributionNeeds Daemon::needs() const {
  if (!attribution_) return {};
  AttributionNeeds needs = attribution_->needs();
  if (asks_for(engine_.policy(), ProcessField::sha256)) needs.proc = true;  // to read programs
  if (config_.forward) needs.proc = true;                                   // to see who holds a tap
  return needs;
}

// First of all: what happens while the rest is opened is seen.
void Daemon::open_attribution() {
  if (config_.process.lookup == ProcessLookup::off) return;
  attribution_ =
      Attribution::open({config_.process.lookup == ProcessLookup::automatic, config_.process.interpreters});
  for (const std::string& problem : attribution_->problems()) {
    log_.message(LogLevel::notice, "whose flows are is looked for without " + problem);
  }
  holders_.emplace(loop_, *attribution_);
}

void Daemon::open_kernel() {
  interfaces_ = opened(Interfaces::open());
  queue_ = opened(PacketQueue::open(queue_options(config_, engine_.policy()),
                                    [this](std::uint32_t index) { return interfaces_->name(index); }));
  conntrack_.emplace(opened(Conntrack::open(config_.mark_mask)));
  // First the events, then what is there: what changes in between comes twice and not never.
  const bool nflog = config_.flow.tcp_ends == TcpEnds::nflog;
  if (nflog) segments_.emplace(opened(ClosingSegments::open(config_.queue.nflog_group)));
  if (config_.names.dns) names_.emplace(opened(NameCopies::open(config_.queue.nflog_group)));
  conntrack_events_.emplace(opened(ConntrackEvents::open(
      {config_.mark_mask, config_.loopback, config_.icmp == FlowHandling::flow, !nflog})));
  socket_events_.emplace(opened(SocketEvents::open(config_.loopback)));
  sockets_.emplace(opened(SocketDiag::open()));
  if (!sockets_->can_destroy()) {
    log_.message(LogLevel::notice,
                 "this kernel ends no sockets on demand (CONFIG_INET_DIAG_DESTROY): connections that are "
                 "blocked end with their next packet");
  }
  const Gate::Parts parts{clock_,
                          engine_,
                          *queue_,
                          *conntrack_,
                          *conntrack_events_,
                          *socket_events_,
                          segments_ ? &*segments_ : nullptr,
                          names_ ? &*names_ : nullptr,
                          *sockets_,
                          *interfaces_,
                          log_,
                          attribution_.get()};
  gate_ = std::make_unique<Gate>(loop_, config_, parts, [this](const FlowChanged& change) {
    static constexpr const char* kWords[] = {"opened", "decided", "ended", "removed"};
    control_->publish({kWords[static_cast<std::size_t>(change.kind)], describe(engine_, change)});
  });
}

// Before the rules: what is rerouted finds somebody there.
void Daemon::open_nameserver() {
  if (!config_.resolver.enabled) return;
  Nameserver::World world;
  world.own = [this](const FiveTuple& tuple, bool open) { gate_->handle(OwnFlow{tuple, open}); };
  const auto why = [](const std::optional<NameRefusal>& refusal) {
    return refusal ? std::optional<std::string>{"rule \"" + refusal->rule + "\""} : std::nullopt;
  };
  world.refuses = [this, why](const AskedName& asked) {
    return why(gate_->name(NameAsked{asked.from, asked.domain, asked.type}));
  };
  world.refuses_answer = [this, why](const AskedName& asked, const AnsweredName& answered) {
    return why(gate_->name(NameAnswered{{asked.from, asked.domain, asked.type},
                                        answered.aliases,
                                        answered.addresses,
                                        answered.query,
                                        answered.answer}));
  };
  world.trouble = [this](std::string_view key, const std::string& text) {
    log_.trouble(key, LogLevel::warning, text, clock_.now());
  };
  nameserver_ = std::make_unique<Nameserver>(loop_, config_, std::move(world));
}

// From here on the rules follow the interfaces and the sockets.
void Daemon::keep_rules(const LiveRules& loaded) {
  rules_ = std::make_unique<RulesetKeeper>(loop_, config_, backend_, loaded, clock_, log_);
  rules_->want(live_parts_.rules());
  gate_->tell_rules(
      [this] {
        if (live_parts_.interfaces(interfaces_->names()) && rules_) rules_->want(live_parts_.rules());
      },
      [this](std::span<const SocketAuthorized> sockets) {
        bool changed = false;
        for (const SocketAuthorized& socket : sockets) changed = live_parts_.socket(socket) || changed;
        if (!changed) return;
        // What the kernel accepts unasked is only heard of by its event.
        gate_->follower().follow_sockets(live_parts_.rules().sockets);
        if (rules_) rules_->want(live_parts_.rules());
      });
}

void Daemon::on_adopted(bool whole) {
  // What could not be read goes on being carried by the kernel; it is just not listed yet.
  if (whole && engine_.counters().adopted > 0) {
    log_.message(LogLevel::info, plural(engine_.counters().adopted, "live flow") + " adopted");
  }
  const std::string summary =
      plural(engine_.policy().rules().size(), "rule") + ", backend " +
      std::string{config_.ruleset == RulesetHandling::none ? "none" : to_string(backend_)} + ", mark path " +
      std::string{to_string(queue_->mark_path())};
  // The policy's text, the kernel's types, the answers about sockets: read once.
  return_spare_memory();
  return_startup_code();
  log_.message(LogLevel::info, "ready: " + summary);
  service_manager_.ready(summary);
}

void Daemon::apply_rules() {
  live_parts_.interfaces(interfaces_->names());
  if (config_.ruleset == RulesetHandling::none) return keep_rules(LiveRules{});
  const auto applied = apply_ruleset(config_, live_parts_.rules());
  if (!applied.ok()) {
    std::string problem = "the rules could not be loaded: " + applied.error().message;
    if (rules_stay()) throw std::runtime_error{problem};
    const auto removed = remove_ruleset();  // one family may have been loaded before the other failed
    if (!removed.ok()) problem += "\n" + removed.error().message;
    throw std::runtime_error{problem};
  }
  backend_ = *applied;
  keep_rules(live_parts_.rules());
}

void Daemon::watch_lists(const std::set<std::string>& lists) {
  lists_->watch(std::vector<std::string>{lists.begin(), lists.end()});
}

bool Daemon::rules_stay() const {
  return config_.at_stop == AtStop::keep || (!base_.empty() && ::access(base_.c_str(), F_OK) == 0);
}

int Daemon::run() {
  wait_for_signal();
  keep_watchdog_quiet();
  tracking_->start();
  gate_->start();
  gate_->follower().adopt([this](bool whole) { on_adopted(whole); });
  say_skipped();
  loop_.run();
  log_.settle(clock_.now());
  return exit_status_;
}

void Daemon::wait_for_signal() {
  signals_.async_wait([this](boost::system::error_code error, int signal) {
    if (error) return;
    if (signal != SIGHUP) return stop();
    service_manager_.reloading();
    reload([this](const Diagnostics&) {  // the log has said what came of it
      service_manager_.ready(plural(engine_.policy().rules().size(), "rule"));
    });
    wait_for_signal();
  });
}

void Daemon::keep_watchdog_quiet() {
  const auto interval = service_manager_.watchdog_interval();
  if (!interval) return;
  service_manager_.alive();
  watchdog_.expires_after(*interval);
  watchdog_.async_wait([this](boost::system::error_code error) {
    if (!error) keep_watchdog_quiet();
  });
}

void Daemon::stop() {
  service_manager_.stopping();
  log_.message(LogLevel::info, "stopping");
  rules_.reset();
  if (config_.ruleset == RulesetHandling::none || rules_stay()) return finish();
  try {
    removal_ = std::make_unique<ChildTask>(
        loop_,
        [] {
          const auto removed = remove_ruleset();
          return removed.ok() ? std::string{kRemoved} : removed.error().message;
        },
        [this](const std::string& said) {
          if (said != kRemoved) left_behind(said.empty() ? "their removal was killed" : said);
          finish();
        });
  } catch (const std::exception& problem) {
    left_behind(problem.what());
    finish();
  }
}

void Daemon::left_behind(const std::string& problem) {
  log_.message(LogLevel::error, "rules are left behind (tollgate ruleset remove): " + problem);
  exit_status_ = 1;
}

// Closing the queue would drop what waits in it.
void Daemon::finish() {
  gate_->drain();
  gate_->handle(Stopping{});
  loop_.stop();
}

void Daemon::say_skipped() {
  constexpr std::size_t kShown = 10;
  const auto skipped = engine_.policy().skipped();
  if (skipped.empty()) return;
  std::string text = plural(skipped.size(), "line") + " of lists skipped:";
  for (const Diagnostic& line : skipped.first(std::min(kShown, skipped.size())))
    text += "\n" + line.to_string();
  if (skipped.size() > kShown) text += "\nand " + std::to_string(skipped.size() - kShown) + " more";
  log_.message(LogLevel::warning, text);
}

void Daemon::swap_policy(const LivePolicy::Swap& swap) {
  if (swap.lists) watch_lists(*swap.lists);
  gate_->want_hashes(asks_for(*swap.replaced.policy, ProcessField::sha256));
  queue_->copy_whole(asks_for_first_bytes(*swap.replaced.policy));
  gate_->handle(swap.replaced);
  policy_loaded_ = clock_.now();
  log_.message(LogLevel::info, (swap.what.empty() ? "" : swap.what + ": ") + "policy generation " +
                                   std::to_string(engine_.generation().value) + ": " +
                                   plural(engine_.policy().rules().size(), "rule"));
  if (swap.lists) say_skipped();
  if (!swap.not_saved.empty()) {
    log_.message(LogLevel::error, "added rules are not as they are on disk: " + swap.not_saved);
  }
  if (swap.config_differs) {
    log_.message(LogLevel::notice, config_path_ + " has changed: that takes effect at the next start");
  }
}

}  // namespace tollgate
