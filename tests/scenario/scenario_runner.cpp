// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <functional>
#include <map>
#include <stdexcept>

#include "engine_policies.hpp"
#include "scenario.hpp"
#include "scenario_events.hpp"
#include "scenario_words.hpp"

namespace tollgate::test {
namespace {

constexpr PolicyFeatures kAllFeatures{true, true, true, true};

PolicyPointer must_be_policy(const Result<PolicyPointer, Diagnostics>& policy) {
  if (policy.ok()) return *policy;
  std::string problems;
  for (const Diagnostic& problem : policy.error()) problems += "\n" + problem.to_string();
  throw std::runtime_error{"the policy is not one:" + problems};
}

PolicyPointer compile(const std::string& text) { return must_be_policy(load_text(text, kAllFeatures)); }

// The options that a scenario may set, by name.
EngineOptions options_of(const Scenario& scenario) {
  EngineOptions options;
  options.nameserver4 = options.nameserver6 = options.tunnel4 = true;
  const auto number = [](std::uint32_t& out) {
    return [&out](const std::string& value) { out = static_cast<std::uint32_t>(std::stoul(value)); };
  };
  const auto time = [](Duration& out) { return [&out](const std::string& value) { out = duration(value); }; };
  const auto verdict = [](Verdict& out) {
    return [&out](const std::string& value) { out = parse_verdict(value).value(); };
  };
  const auto either = [](auto& out, auto first, auto second) {
    return [&out, first, second](const std::string& value) {
      if (value != to_string(first) && value != to_string(second))
        throw std::runtime_error{"not a word: " + value};
      out = value == to_string(first) ? first : second;
    };
  };
  const std::map<std::string, std::function<void(const std::string&)>> known = {
      {"max_flows", number(options.flows.max_flows)},
      {"linger", time(options.flows.end_linger)},
      {"idle", time(options.flows.idle_timeout)},
      {"udp_idle", time(options.flows.udp_idle_timeout)},
      {"icmp_idle", time(options.flows.icmp_idle_timeout)},
      {"waiting", number(options.pending.max_packets)},
      {"per_flow", number(options.pending.max_packets_per_flow)},
      {"deadline", time(options.pending.deadline)},
      {"unparsed", verdict(options.unparsed)},
      {"on_deadline", verdict(options.on_deadline)},
      {"on_overload", verdict(options.on_overload)},
      {"window", time(options.answer_window)},
      {"look_packets", number(options.observer.inspection.max_packets)},
      {"look_time", time(options.observer.inspection_deadline)},
      {"looks", number(options.observer.max_inspections)},
      {"icmp", either(options.icmp, FlowHandling::packet, FlowHandling::flow)},
      {"other", either(options.other, FlowHandling::packet, FlowHandling::flow)},
      {"icmp_errors", either(options.icmp_errors, IcmpErrors::follow, IcmpErrors::decide)},
      {"related", either(options.related, RelatedHandling::inherit, RelatedHandling::decide)},
      {"arrival", either(options.arrival_interface, ArrivalInterface::ignore, ArrivalInterface::reauthorize)},
      {"multicast", either(options.multicast_answers, MulticastAnswers::window, MulticastAnswers::decide)},
      {"attribution",
       [&options](const std::string& value) {
         options.attribution = true;
         options.attribution_deadline = duration(value);
       }},
      {"asking", either(options.in_reauthorization, AskAgain::keep, AskAgain::block)},
  };
  for (const auto& [name, value] : scenario.options) {
    if (name.starts_with("idle.")) {  // idle.sctp=30m
      options.flows.idle_times.push_back({parse_protocol(name.substr(5)).value(), duration(value)});
      continue;
    }
    const auto option = known.find(name);
    if (option == known.end()) throw std::runtime_error{scenario.file + ": no such option: " + name};
    option->second(value);
  }
  return options;
}

class ScenarioRunner {
 public:
  explicit ScenarioRunner(const Scenario& scenario)
      : scenario_{scenario}, engine_{options_of(scenario), compile(scenario.policy), &decide_or_ask} {
    engine_.watch_changes(true);
  }

  std::vector<std::string> run() {
    for (const Step& step : scenario_.steps) {
      try {
        run_step(step);
      } catch (const std::exception& problem) {
        throw std::runtime_error{place(step.line) + problem.what()};
      }
    }
    return std::move(differences_);
  }

 private:
  std::string place(std::uint32_t line) const { return scenario_.file + ":" + std::to_string(line) + ": "; }

  void run_step(const Step& step) {
    const std::vector<std::string>& words = step.words;
    const std::string& kind = words[0];
    if (kind == "check") return check(step);
    if (kind == "packet") return queue(packet_of(words), step);
    if (kind == "error") return queue(error_of(words), step);
    if (kind == "bytes") return queue(bytes_of(words), step);
    if (kind == "conntrack") return handle(conntrack_of(words), step);
    if (kind == "socket") return handle(socket_of(words), step);
    if (kind == "closing") return handle(closing_of(words), step);
    if (kind == "copied") return on_copied(step);
    if (kind == "probed") return on_probed(step);
    if (kind == "resync") return on_resync(step);
    if (kind == "seen") return handle(seen_of(words), step);
    if (kind == "process") return on_process(step);
    if (kind == "answer")
      return handle(AnswerGiven{ref_at(words, 2).id, parse_verdict(words.at(1)).value()}, step);
    if (kind == "revoke" || kind == "kill") return by_hand(step);
    if (kind == "broadcast") return on_broadcast(step);
    if (kind == "policy") return handle(PolicyReplaced{compile(step.policy)}, step);
    if (kind == "rules") return on_rules(step, step.policy, Cause::rule);
    if (kind == "expire") return on_expire(step);
    if (kind == "time") return handle(TimePassed{}, step);
    if (kind == "stop") return handle(Stopping{}, step);
    throw std::runtime_error{"no such step: " + kind};
  }

  // What the daemon does with rules that are added or removed, or whose time is over.
  void on_rules(const Step& step, const std::string& added, Cause cause) {
    added_ = added;
    MemorySources sources;
    sources.clock = step.at;
    const auto policy = engine_.policy().with_added({"added", added_}, kAllFeatures, sources);
    handle(PolicyReplaced{must_be_policy(policy), cause}, step);
  }

  void on_expire(const Step& step) {
    const std::optional<Time> due = engine_.policy().next_expiry();
    if (!due || *due > step.at) throw std::runtime_error{"no rule's time is over"};
    on_rules(step, added_, Cause::expired);
  }

  void queue(QueuedPacket packet, const Step& step) {
    packet.queued.bytes = packet.bytes;
    packet.queued.interface = packet.interface;
    handle(packet.queued, step);
  }

  // The flow of the tuple at words[at]; that of id 0 when there is none.
  FlowRef ref_at(const std::vector<std::string>& words, std::size_t at) const {
    const FlowIndex index = engine_.flows().find(FlowKey{tuple_at(words, at)});
    return index == kNoFlow ? FlowRef{} : engine_.flows().ref(index);
  }

  void on_process(const Step& step) {
    ProcessFound found{ref_at(step.words, 2), nullptr, NoProcess::no_socket};
    if (step.words.at(1) != "none") {
      Process process;
      process.id = {100, 0, 1};
      process.source = ProcessSource::ebpf;
      process.path = step.words.at(1);
      for (std::size_t i = 6; i < step.words.size(); ++i) {
        const auto [name, value] = setting(step.words[i]);
        if (name == "unit") {
          process.group.unit = value;
        } else if (name == "sha256") {
          found.hash_follows = value == "follows";
          if (!found.hash_follows) process.sha256 = value;
        } else {
          throw std::runtime_error{"no such word: " + name};
        }
      }
      found.process = std::make_shared<const Process>(std::move(process));
    }
    handle(found, step);
  }

  void on_copied(const Step& step) {
    std::vector<std::string> words{"packet", "0", "output"};
    words.insert(words.end(), step.words.begin() + 1, step.words.end());
    ProcessPointer asker;
    if (words.back().starts_with("by=")) {
      Process process;
      process.path = words.back().substr(3);
      asker = std::make_shared<const Process>(std::move(process));
      words.pop_back();
    }
    const QueuedPacket packet = packet_of(words);
    handle(NamesCopied{packet.bytes, asker}, step);
  }

  void on_probed(const Step& step) {
    FlowProbed probed{ref_at(step.words, 2), {}};
    if (step.words.at(1) == "there") probed.entry = entry_of(step.words, 2);
    handle(probed, step);
  }

  void on_resync(const Step& step) {
    const bool further = step.words.size() > 2;
    if (step.words.at(1) == "began") return handle(ResyncBegan{further && step.words[2] == "restart"}, step);
    handle(ResyncEnded{!(further && step.words[2] == "cut")}, step);
  }

  void by_hand(const Step& step) {
    std::vector<FlowRef> flows;
    for (std::size_t at = 1; at < step.words.size(); at += 4) flows.push_back(ref_at(step.words, at));
    if (step.words[0] == "revoke") return handle(FlowsRevoked{flows}, step);
    handle(FlowsKilled{flows}, step);
  }

  void on_broadcast(const Step& step) {
    std::vector<IpAddress> addresses;
    for (std::size_t i = 1; i < step.words.size(); ++i)
      addresses.push_back(IpAddress::parse(step.words[i]).value());
    handle(BroadcastAddresses{addresses}, step);
  }

  void handle(const Event& event, const Step& step) {
    engine_.handle(event, step.at, effects_);
    compare(step, said());
    effects_.clear();
  }

  std::vector<std::string> said() const {
    static constexpr const char* kActions[] = {"pass", "refuse", "drop"};
    static constexpr const char* kChanges[] = {"opened", "decided", "ended", "removed"};
    std::vector<std::string> lines;
    for (const PacketVerdict& verdict : effects_.verdicts) {
      lines.push_back("verdict " + std::to_string(verdict.packet.id) + " " +
                      kActions[static_cast<std::size_t>(verdict.action)] +
                      (verdict.mark == FlowMark::undecided ? "" : " " + word_of(verdict.mark)));
    }
    for (const SetMark& mark : effects_.openings) {
      lines.push_back("open " + word_of(mark.mark) + " " + mark.tuple.to_string());
    }
    for (const TearDown& down : effects_.tear_downs) {
      lines.push_back("teardown " + std::string{to_string(down.direction)} + " " + down.tuple.to_string() +
                      (down.socket == 0 ? "" : " socket=" + std::to_string(down.socket)));
    }
    for (const SetMark& mark : effects_.marks) {
      lines.push_back("mark " + word_of(mark.mark) + " " + mark.tuple.to_string());
    }
    for (const DeleteEntry& entry : effects_.deletions) lines.push_back("delete " + entry.tuple.to_string());
    for (const SocketAuthorized& socket : effects_.sockets) {
      lines.push_back(std::string{socket.authorized ? "authorize " : "withdraw "} +
                      std::string{to_string(socket.direction)} + " " + to_string(socket.protocol) + " " +
                      socket.address.to_string() + " " + std::to_string(socket.port));
    }
    for (const ProbeFlow& probe : effects_.probes) lines.push_back("probe " + probe.tuple.to_string());
    for (const LookUp& one : effects_.look_ups) lines.push_back("look-up " + one.tuple.to_string());
    if (effects_.read_table) lines.push_back("read-table");
    if (!(effects_.by_hand == ByHand{})) {
      const ByHand& hand = effects_.by_hand;
      lines.push_back("by-hand flows=" + std::to_string(hand.flows) + " marks=" + std::to_string(hand.marks) +
                      " sockets=" + std::to_string(hand.sockets) + " waiting=" +
                      std::to_string(hand.waiting) + " untouched=" + std::to_string(hand.untouched));
    }
    for (const Record& record : effects_.records) {
      lines.push_back("record " + std::string{to_string(record.verdict)} + " \"" + record.rule + "\" " +
                      std::string{to_string(record.stage)} + " " + std::string{to_string(record.reason)} +
                      (record.cause == Cause::none ? "" : " " + std::string{to_string(record.cause)}) +
                      (record.old_verdict ? " was " + std::string{to_string(*record.old_verdict)} : "") +
                      (record.process ? " by " + record.process->path : "") +
                      (record.domain_source ? " for " + record.domain + " (" +
                                                  std::string{to_string(*record.domain_source)} + ")"
                                            : "") +
                      (record.inspected == 0 ? "" : " after " + std::to_string(record.inspected)) +
                      (record.detail.empty() ? "" : " " + record.detail));
    }
    for (const FlowChanged& change : effects_.changes) {
      lines.push_back(std::string{kChanges[static_cast<std::size_t>(change.kind)]} + " " +
                      change.flow.tuple.to_string());
    }
    return lines;
  }

  void compare(const Step& step, const std::vector<std::string>& lines) {
    for (std::size_t i = 0; i < std::max(lines.size(), step.expected.size()); ++i) {
      const std::string got = i < lines.size() ? lines[i] : "nothing";
      const std::string expected = i < step.expected.size() ? step.expected[i] : "nothing";
      if (got == expected) continue;
      const std::uint32_t line = i < step.expected_lines.size() ? step.expected_lines[i] : step.line;
      differences_.push_back(place(line) + "expected: " + expected + " | got: " + got);
    }
  }

  double inspecting() const {
    std::uint32_t count = 0;
    engine_.flows().for_each([&](FlowIndex, const Flow& flow) {
      if (flow.state == FlowState::inspecting) ++count;
    });
    return count;
  }

  void check(const Step& step) {
    const FlowTable& flows = engine_.flows();
    const std::optional<Time> next = engine_.next_deadline();
    const std::map<std::string, double> values = {
        {"flows", flows.size()},
        {"ended", flows.ended()},
        {"pending", engine_.pending_flows()},
        {"active", flows.size() - flows.ended() - engine_.pending_flows()},
        {"waiting", engine_.pending_packets()},
        {"evicted", static_cast<double>(engine_.counters().evicted)},
        {"packets", static_cast<double>(engine_.counters().packets)},
        {"generation", engine_.generation().value},
        {"reroute_refused", static_cast<double>(engine_.counters().reroute_refused)},
        {"malformed", static_cast<double>(engine_.counters().malformed.total())},
        {"inspecting", inspecting()},
        {"inspected", static_cast<double>(engine_.counters().inspected)},
        {"adopted", static_cast<double>(engine_.counters().adopted)},
        {"probed", static_cast<double>(engine_.counters().probed)},
        {"healed", static_cast<double>(engine_.counters().healed)},
        {"vanished", static_cast<double>(engine_.counters().vanished)},
        {"reauthorized", static_cast<double>(engine_.counters().reauthorized.total())},
        {"changed", static_cast<double>(engine_.counters().changed.total())},
        {"sockets", static_cast<double>(engine_.authorized_sockets().size())},
        {"windows", static_cast<double>(engine_.answer_windows())},
        {"pressure", flows.pressure()},
        {"next", next ? unix_seconds(*next) : -1},
        {"expiry", engine_.policy().next_expiry() ? unix_seconds(*engine_.policy().next_expiry()) : -1},
        {"rules", static_cast<double>(engine_.policy().rules().size())},
        {"first_rule_hits", engine_.policy().rules().empty() ? 0 : static_cast<double>(engine_.rule_hits(0))},
    };
    for (std::size_t i = 1; i < step.words.size(); ++i) {
      const auto [name, value] = setting(step.words[i]);
      if (values.at(name) == std::stod(value)) continue;
      differences_.push_back(place(step.line) + name + " is " + std::to_string(values.at(name)) + ", not " +
                             value);
    }
  }

  const Scenario& scenario_;
  Engine engine_;
  Effects effects_;
  std::vector<std::string> differences_;
  std::string added_;  // rules, as text
};

}  // namespace

std::vector<std::string> run_scenario(const Scenario& scenario) { return ScenarioRunner{scenario}.run(); }

}  // namespace tollgate::test
