// SPDX-License-Identifier: GPL-2.0-or-later
// What the control socket asks of the daemon.
#include <boost/asio/post.hpp>
#include <utility>

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

// The pressure step that is in force.
std::uint64_t idle_percent(const FlowTable& flows) {
  const std::uint32_t step = flows.pressure();
  return step == 0 ? 100 : flows.limits().pressure[step - 1].idle;
}

}  // namespace

// What was looked for and not found, and what stands in for it.
std::vector<std::string> Daemon::lacking() const {
  std::vector<std::string> lacking;
  if (config_.backend == Backend::automatic && backend_ == Backend::iptables) {
    lacking.emplace_back("queue in nftables (CONFIG_NFT_QUEUE): the rules are those of iptables");
  }
  if (config_.mark_path == MarkPath::automatic && queue_->mark_path() == MarkPath::packet) {
    lacking.emplace_back(
        "conntrack data with queued packets (CONFIG_NETFILTER_NETLINK_GLUE_CT): verdicts go by the packet's "
        "mark");
  }
  if (!gate_->follower().can_tear_down()) {
    lacking.emplace_back(
        "sockets that end on demand (CONFIG_INET_DIAG_DESTROY): what is cut ends with its next packet");
  }
  if (!tracking_->tracks()) {
    lacking.emplace_back(
        "tracking of connections (conntrack's table stays empty while packets pass): each packet is asked "
        "about");
  }
  return lacking;
}

std::optional<TrackingWatch::Seen> Daemon::conntrack_load() {
  const auto load = gate_->follower().load();
  if (!load) return std::nullopt;
  std::uint64_t passed = 0;
  for (std::size_t i = 0; i < kVerdictCount; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    if (lets_pass(verdict)) passed += engine_.counters().verdicts[verdict];
  }
  return TrackingWatch::Seen{load->entries, passed};
}

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
  status.flows.adopted = counted.adopted;
  status.flows.inspected = counted.inspected;
  status.flows.idle_percent = idle_percent(flows);
  status.queue.received = queue.received;
  status.queue.verdicts = by_name(counted.verdicts);
  status.queue.kernel_dropped = queue.kernel_dropped;
  status.queue.user_dropped = queue.user_dropped;
  status.queue.enobufs = queue.enobufs;
  status.queue.pending_packets = engine_.pending_packets();
  if (const auto load = gate_->follower().load()) {
    status.conntrack.entries = load->entries;
    if (load->limit > 0) status.conntrack.limit = load->limit;
    status.conntrack.dropped = load->dropped;
  }
  status.conntrack.events = followed.conntrack_events;
  status.conntrack.resyncs = followed.table_readings;
  status.sockets.events = followed.socket_events;
  status.sockets.destroyed = followed.torn_down;
  status.conntrack.invalid = tracking_->invalid();
  status.conntrack.untracked = tracking_->untracked();
  status.lacking = lacking();
  if (!status.conntrack.invalid && config_.ruleset == RulesetHandling::apply) {
    status.lacking.emplace_back(
        "counters that can be read (iptables-legacy): INVALID and what is not tracked is not counted");
  }
  status.sockets.authorized = live_parts_.rules().sockets.size();
  status.malformed = by_name(counted.malformed);
  status.reasons = by_name(counted.reasons);
  status.log = {log_.written(), log_.suppressed()};
  status.attribution.lookup = to_string(config_.process.lookup);
  if (attribution_) {
    const AttributionCounters found = attribution_->counters();
    for (const BpfProgram& program : attribution_->programs()) {
      status.attribution.programs.emplace(program.name, program.problem);
    }
    const AttributionCounters forwarded = gate_->forwarded();
    status.attribution.found = by_name(sum(found.found, forwarded.found));
    status.attribution.not_found = by_name(sum(found.not_found, forwarded.not_found));
    status.attribution.processes = attribution_->processes();
    const SocketOwnersCounters lost = attribution_->lost();
    status.attribution.lost = lost.images_lost + lost.owners_lost;
    status.attribution.forgotten = {{"sockets", lost.sockets_forgotten},
                                    {"tuples", lost.tuples_forgotten},
                                    {"programs", lost.programs_forgotten}};
  }
  const Observer& observer = engine_.observer();
  const NameWatchCounters names = gate_->names();
  status.names = {config_.names.dns,         names.copies,           names.overruns,
                  observer.dns().questions,  observer.dns().answers, observer.dns().unasked,
                  observer.dns().malformed,  observer.dns().names,   observer.names().size(),
                  observer.names().evicted()};
  if (nameserver_) status.nameserver = nameserver_->counters();
  status.errors = {
      {"queue_undecodable", queue.undecodable},
      {"queue_verdict", queue.verdict_errors},
      {"conntrack_overrun", followed.conntrack_overruns},
      {"conntrack_mark_missed", followed.marks.gone},
      {"conntrack_mark", followed.marks.failed},
      {"conntrack_probe", followed.probe_errors},
      {"conntrack_table", followed.table_failures},
      {"socket_overrun", followed.socket_overruns},
      {"segment_overrun", followed.segment_overruns},
      {"tear_down", followed.tear_down_failed},
      {"reroute_refused", counted.reroute_refused},
      {"owners_late", counted.owners_late},
      {"program_hashes_unknown", gate_->hashes_unknown()},
      {"log_lost", log_.lost()},
      {"control_refused", control_->counters().refused},
      {"control_dropped", control_->counters().dropped},
      {"control_malformed", control_->counters().malformed},
      {"control_accept", control_->counters().accept_errors},
      {"sockets_refused", live_parts_.sockets_refused()},
      {"interfaces_sharing", live_parts_.interfaces_sharing()},
      {"ruleset_restored", rules_ ? rules_->restored() : 0},
      {"ruleset_lost", rules_ ? rules_->failed() : 0},
  };
  return status;
}

std::optional<std::uint32_t> Daemon::flows(std::uint32_t from, std::uint32_t limit, const EachFlow& each) {
  return engine_.flows().scan(from, limit, [&](FlowIndex index, const Flow& flow) {
    each({index, flow.id}, describe(engine_, index));
  });
}

void Daemon::take_census(std::function<void(const CensusPointer&)> done) {
  if (holders_) return holders_->take_census(std::move(done));
  boost::asio::post(loop_, [done = std::move(done)] { done(nullptr); });
}

void Daemon::add_holders(const SocketCensus& census, const FlowRef& where, FlowEntry& flow) {
  const FlowIndex index = engine_.flows().find(where);
  if (!attribution_ || index == kNoFlow) return;
  const Flow& known = engine_.flows().at(index);
  if (const auto holders = attribution_->holders(census, known.tuple, known.direction))
    describe(*holders, census.whole(), flow);
}

// The engine says which flows it took back or cut, the kernel what came of it: it does both before they
// return.
ControlService::Acted Daemon::act(Action action, const FlowFilter& filter, std::uint32_t from,
                                  std::uint32_t limit) {
  Acted acted;
  std::vector<FlowRef> refs;
  acted.next = engine_.flows().scan(from, limit, [&](FlowIndex place, const Flow& flow) {
    if (filter.matches(describe(engine_, place))) refs.push_back({place, flow.id});
  });
  if (refs.empty()) return acted;
  const FollowerCounters before = gate_->follower().counters();
  const Event event = action == Action::kill ? Event{FlowsKilled{refs}} : Event{FlowsRevoked{refs}};
  const ByHand did = gate_->by_hand(event);
  const FollowerCounters after = gate_->follower().counters();
  acted.counts.matched = refs.size();
  acted.counts.changed = did.flows;
  acted.counts.waiting = did.waiting;
  acted.counts.untouched = did.untouched;
  acted.counts.marks_set = after.marks.done - before.marks.done;
  acted.counts.marks_gone = after.marks.gone - before.marks.gone;
  acted.counts.sockets_destroyed = after.torn_down - before.torn_down;
  acted.counts.sockets_gone = after.tear_down_gone - before.tear_down_gone;
  acted.counts.failed =
      after.marks.failed - before.marks.failed + after.tear_down_failed - before.tear_down_failed;
  return acted;
}

PolicyPointer Daemon::policy() { return engine_.policy_pointer(); }

std::optional<std::uint64_t> Daemon::hits(const PolicyPointer& policy, std::uint32_t rule) {
  if (policy != engine_.policy_pointer()) return std::nullopt;
  return engine_.rule_hits(rule);
}

void Daemon::reload(Done done) {
  live_policy_->reload([this, done = std::move(done)](const Diagnostics& why) {
    if (!why.empty()) {
      std::string text = "the new policy is refused, the old one stays:";
      for (const Diagnostic& problem : why) text += "\n" + problem.to_string();
      log_.message(LogLevel::error, text);
    }
    done(why);
  });
}

void Daemon::add_rule(AddedRule rule, Added told) { live_policy_->add(std::move(rule), std::move(told)); }

void Daemon::remove_rule(const std::string& name, Done done) { live_policy_->remove(name, std::move(done)); }

Explanation Daemon::explain(const ExplainRequest& request) {
  return tollgate::explain(engine_.policy(), request);
}

void Daemon::watch(bool on) { engine_.watch_changes(on); }

}  // namespace tollgate
