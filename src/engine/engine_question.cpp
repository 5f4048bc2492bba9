// SPDX-License-Identifier: GPL-2.0-or-later
// Questions to the daemon's nameserver: stages 1 and 2 of DESIGN.md §4.
#include <utility>

#include "engine_context.hpp"

namespace tollgate {
namespace {

// The end that asks, and nothing else.
FiveTuple source_of(FiveTuple tuple) {
  tuple.destination = {};
  tuple.destination_port = 0;
  return tuple;
}

}  // namespace

void Engine::note_asker(FlowIndex index) { askers_[source_of(flows_.at(index).tuple)] = flows_.ref(index); }

void Engine::forget_asker(const Flow& flow) {
  if (flow.verdict != Verdict::reroute_nameserver) return;
  const auto found = askers_.find(source_of(flow.tuple));
  if (found != askers_.end() && found->second.id == flow.id) askers_.erase(found);
}

FlowIndex Engine::asker(const FiveTuple& from) const {
  const auto found = askers_.find(source_of(from));
  return found == askers_.end() ? kNoFlow : flows_.find(found->second);
}

Evidence Engine::evidence_of(const NameAsked& asked, FlowIndex flow) const {
  Evidence seen;
  if (flow != kNoFlow) seen = evidence(flow);
  seen.tuple = FiveTuple{};
  seen.interface = {};
  seen.direction = Direction::outbound;
  seen.domain = asked.domain;
  seen.query_type = static_cast<std::uint16_t>(asked.type);
  seen.addressed = false;
  return seen;
}

void Engine::on(const NameAsked& asked, Time now, Effects& effects) {
  const FlowIndex flow = asker(asked.from);
  Evidence seen = evidence_of(asked, flow);
  seen.at = Stage::before_resolving;
  tell_question(asked, flow, seen.at, policy_->match_name(seen), now, effects);
}

void Engine::on(const NameAnswered& answered, Time now, Effects& effects) {
  const NameAsked& asked = answered.question;
  const FlowIndex flow = asker(asked.from);
  Evidence seen = evidence_of(asked, flow);
  seen.at = Stage::after_resolving;
  const FirstMatch refused = refused_by(answered, seen);
  if (refused.match == Match::yes) return tell_question(asked, flow, seen.at, refused, now, effects);
  Endpoints ends;
  ends.source = asked.from.source_address();
  ends.source_port = asked.from.source_port;
  ends.destination = asked.from.destination_address();
  ends.destination_port = kDnsPort;
  ends.protocol = asked.from.protocol;
  const ProgramKey program = flow != kNoFlow ? program_of(flow) : ProgramKey{};
  observer_.on_answered(ends, answered.query, answered.answer, program, now);
}

// The name itself (its asker may be known by now), the names that it stands for, the addresses. A rule that
// is not for answers alone refuses none that has an address which it does not speak of.
FirstMatch Engine::refused_by(const NameAnswered& answered, Evidence& seen) const {
  FirstMatch refused = policy_->match_name(seen);
  for (const std::string& alias : answered.aliases) {
    if (refused.match == Match::yes) return refused;
    seen.domain = std::string_view{alias};
    refused = policy_->match_name(seen);
  }
  if (refused.match == Match::yes) return refused;
  seen.domain = answered.question.domain;
  seen.addressed = true;
  std::size_t count = 0;
  for (const IpAddress& address : answered.addresses) {
    seen.tuple.family = address.family();
    seen.tuple.destination = address.bytes();
    const FirstMatch match = policy_->match_name(seen);
    if (match.match != Match::yes) continue;
    refused = match;
    ++count;
    if (policy_->rules()[match.rule].for_names()) return refused;
  }
  return count == answered.addresses.size() ? refused : FirstMatch{};
}

void Engine::tell_question(const NameAsked& asked, FlowIndex flow, Stage stage, FirstMatch refused, Time now,
                           Effects& effects) {
  Record entry;
  entry.time = now;
  entry.tuple = asked.from;
  entry.direction = Direction::outbound;
  entry.stage = stage;
  entry.reason = Reason::default_verdict;
  entry.generation = generation_;
  entry.domain = asked.domain;
  entry.detail = "question " + to_string(asked.type);
  if (refused.match == Match::yes) {
    const Rule& rule = policy_->rules()[refused.rule];
    entry.verdict = rule.verdict;
    entry.reason = Reason::rule;
    entry.rule = rule.name;
    count_hit(refused.rule);
    effects.name_refusal = NameRefusal{rule.verdict, rule.name};
  }
  if (flow == kNoFlow) return effects.records.push_back(std::move(entry));
  const Flow& asking = flows_.at(flow);
  entry.flow = asking.id;
  entry.tuple = asking.tuple;
  if (asking.uid != kNoOwner) entry.uid = asking.uid;
  if (asking.gid != kNoOwner) entry.gid = asking.gid;
  tell(flow, std::move(entry), effects);
}

}  // namespace tollgate
