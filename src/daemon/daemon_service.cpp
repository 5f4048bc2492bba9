// SPDX-License-Identifier: GPL-2.0-or-later
// What the control socket asks of the daemon.
#include "daemon.hpp"
#include "tollgate/control/flow_entry.hpp"

namespace tollgate {
namespace {

template <class Enum>
std::map<std::string, std::uint64_t> by_name(const EnumCounters<Enum>& counters) {
  std::map<std::string, std::uint64_t> named;
  for (std::size_t i = 0; i < EnumCounters<Enum>::kSize; ++i) {
    const auto value = static_cast<Enum>(i);
    named.emplace(to_string(value), counters[value]);
  }
  return named;
}

}  // namespace

Status Daemon::status() {
  const EngineCounters& counted = engine_.counters();
  const QueueCounters queue = queue_->counters();
  const FollowerCounters followed = gate_->follower().counters();
  const FlowTable& flows = engine_.flows();

  Status status;
  status.version = TOLLGATE_VERSION;
  status.uptime_seconds = std::chrono::duration<double>(clock_.now() - started_).count();
  status.backend = config_.ruleset == RulesetHandling::none ? "none" : std::string{to_string(backend_)};
  status.mark_path = to_string(queue_->mark_path());
  status.fail = to_string(config_.fail);
  status.policy = {engine_.generation().value, engine_.policy().rules().size(), unix_seconds(policy_loaded_)};
  status.flows.ended = flows.ended();
  status.flows.pending = engine_.pending_flows();
  status.flows.active = flows.size() - flows.ended() - engine_.pending_flows();
  status.flows.limit = flows.limits().max_flows;
  status.flows.evicted = counted.evicted;
  status.queue.received = queue.received;
  status.queue.verdicts = by_name(counted.verdicts);
  status.queue.kernel_dropped = queue.kernel_dropped;
  status.queue.user_dropped = queue.user_dropped;
  status.queue.enobufs = queue.enobufs;
  status.queue.pending_packets = engine_.pending_packets();
  status.malformed = by_name(counted.malformed);
  status.reasons = by_name(counted.reasons);
  status.log = {log_.written(), log_.suppressed()};
  status.errors = {
      {"queue_undecodable", queue.undecodable},
      {"queue_verdict", queue.verdict_errors},
      {"conntrack_overrun", followed.conntrack_overruns},
      {"conntrack_mark_missed", followed.marks.gone},
      {"conntrack_mark", followed.marks.failed},
      {"conntrack_probe", followed.probe_errors},
      {"conntrack_table", followed.table_failures},
      {"socket_overrun", followed.socket_overruns},
      {"tear_down", followed.tear_down_failed},
      {"reroute_refused", counted.reroute_refused},
      {"log_lost", log_.lost()},
      {"control_refused", control_->counters().refused},
      {"control_dropped", control_->counters().dropped},
      {"control_malformed", control_->counters().malformed},
      {"control_accept", control_->counters().accept_errors},
      {"ruleset_restored", rules_ ? rules_->restored() : 0},
      {"ruleset_lost", rules_ ? rules_->failed() : 0},
  };
  return status;
}

std::optional<std::uint32_t> Daemon::flows(std::uint32_t from, std::uint32_t limit,
                                           const std::function<void(const FlowEntry&)>& each) {
  return engine_.flows().scan(from, limit,
                              [&](FlowIndex, const Flow& flow) { each(describe(engine_, flow)); });
}

PolicyPointer Daemon::policy() { return engine_.policy_pointer(); }

Explanation Daemon::explain(const ExplainRequest& request) {
  return tollgate::explain(engine_.policy(), request);
}

void Daemon::watch(bool on) { engine_.watch_changes(on); }

}  // namespace tollgate
