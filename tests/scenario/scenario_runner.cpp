// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <map>
#include <stdexcept>

#include "memory_sources.hpp"
#include "packet_builder.hpp"
#include "scenario.hpp"
#include "scenario_words.hpp"

namespace tollgate::test {
namespace {

PolicyPointer compile(const std::string& text) {
  const auto policy = load_text(text, {true, true, true, true});
  if (policy.ok()) return *policy;
  std::string problems;
  for (const Diagnostic& problem : policy.error()) problems += "\n" + problem.to_string();
  throw std::runtime_error{"the policy is not one:" + problems};
}

Decision decide_or_ask(const Policy& policy, const Evidence& seen) {
  const Decision decision = decide(policy, seen);
  const Decided* decided = std::get_if<Decided>(&decision);
  const bool asks =
      decided != nullptr && decided->rule != kNoRule && policy.rules()[decided->rule].name.starts_with("ask");
  return asks ? Decision{Waits{decided->rule}} : decision;
}

EngineOptions options_of(const Scenario& scenario) {
  EngineOptions options;
  options.nameserver4 = options.nameserver6 = options.tunnel4 = true;
  const auto verdict = [](const std::string& word) {
    const auto parsed = parse_verdict(word);
    if (!parsed) throw std::runtime_error{"not a verdict: " + word};
    return *parsed;
  };
  for (const auto& [name, value] : scenario.options) {
    if (name == "max_flows")
      options.flows.max_flows = static_cast<std::uint32_t>(std::stoul(value));
    else if (name == "linger")
      options.flows.end_linger = duration(value);
    else if (name == "idle")
      options.flows.idle_timeout = duration(value);
    else if (name == "udp_idle")
      options.flows.udp_idle_timeout = duration(value);
    else if (name == "waiting")
      options.pending.max_packets = static_cast<std::uint32_t>(std::stoul(value));
    else if (name == "per_flow")
      options.pending.max_packets_per_flow = static_cast<std::uint32_t>(std::stoul(value));
    else if (name == "deadline")
      options.pending.deadline = duration(value);
    else if (name == "unparsed")
      options.unparsed = verdict(value);
    else if (name == "on_deadline")
      options.on_deadline = verdict(value);
    else if (name == "on_overload")
      options.on_overload = verdict(value);
    else
      throw std::runtime_error{scenario.file + ": no such option: " + name};
  }
  return options;
}

// "10.0.0.1:80", "[2001:db8::1]:80", "10.0.0.1".
std::pair<std::string, std::uint16_t> end_of(const std::string& word) {
  const bool bracket = word.front() == '[';
  const std::size_t close = bracket ? word.find(']') : 0;
  const std::size_t colon = bracket ? word.find(':', close) : word.find(':');
  const bool bare = !bracket && colon != word.rfind(':');  // IPv6 without a port
  if (bare || colon == std::string::npos) return {word, std::uint16_t{0}};
  const std::string address = bracket ? word.substr(1, close - 1) : word.substr(0, colon);
  return {address, static_cast<std::uint16_t>(std::stoul(word.substr(colon + 1)))};
}

FiveTuple tuple_of(const std::string& protocol, const std::string& source, const std::string& destination) {
  Endpoints ends;
  const auto [from, from_port] = end_of(source);
  const auto [to, to_port] = end_of(destination);
  ends.protocol = *parse_protocol(protocol);
  ends.source = *IpAddress::parse(from);
  ends.destination = *IpAddress::parse(to);
  ends.source_port = from_port;
  ends.destination_port = to_port;
  return FiveTuple::of(ends);
}

std::string word_of(FlowMark mark) {
  switch (mark) {
    case FlowMark::undecided:
      return "undecided";
    case FlowMark::accept:
      return "accept";
    case FlowMark::block:
      return "block";
    case FlowMark::drop:
      return "drop";
    case FlowMark::inspect:
      return "inspect";
    case FlowMark::nameserver:
      return "nameserver";
    case FlowMark::tunnel:
      return "tunnel";
    case FlowMark::block_packet:
      return "block-packet";
    case FlowMark::drop_packet:
      return "drop-packet";
  }
  return "";
}

Hook hook_of(const std::string& word) {
  static const std::map<std::string, Hook> kHooks = {{"output", Hook::output},
                                                     {"input", Hook::input},
                                                     {"forward", Hook::forward},
                                                     {"prerouting", Hook::prerouting}};
  return kHooks.at(word);
}

// A packet step's words, read one after another.
struct PacketWords {
  PacketQueued queued;
  std::string interface;
  std::uint8_t flags = 0;
  std::map<std::string, std::uint64_t> numbers;

  std::uint64_t number(const std::string& name, std::uint64_t otherwise = 0) const {
    const auto found = numbers.find(name);
    return found == numbers.end() ? otherwise : found->second;
  }

  void read(const std::vector<std::string>& words, std::size_t at, const std::string& protocol) {
    static const std::map<std::string, std::uint8_t> kFlags = {
        {"syn", tcp_flag::syn}, {"ack", tcp_flag::ack}, {"fin", tcp_flag::fin}, {"rst", tcp_flag::rst}};
    for (; at < words.size(); ++at) {
      const std::string& word = words[at];
      if (const auto flag = kFlags.find(word); flag != kFlags.end())
        flags = static_cast<std::uint8_t>(flags | flag->second);
      else if (word == "reply")
        queued.reply = true;
      else if (word == "transit")
        queued.transit = true;
      else if (word == "foreign")
        queued.foreign_mark = true;
      else if (word == "on")
        interface = words.at(++at);
      else if (word == "ct") {
        queued.conntrack = tuple_of(protocol, words.at(at + 1), words.at(at + 3));
        at += 3;
      } else {
        const auto [name, value] = setting(word);
        numbers[name] = std::stoull(value);
      }
    }
    if (numbers.contains("uid")) queued.uid = static_cast<std::uint32_t>(numbers["uid"]);
    if (numbers.contains("gid")) queued.gid = static_cast<std::uint32_t>(numbers["gid"]);
  }
};

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
    if (words[0] == "check") return check(step);
    if (words[0] == "packet")
      on_packet(step);
    else if (words[0] == "error")
      on_error(step);
    else if (words[0] == "bytes")
      on_bytes(step);
    else if (words[0] == "conntrack")
      on_conntrack(step);
    else if (words[0] == "adopt")
      on_adopt(step);
    else if (words[0] == "answer")
      on_answer(step);
    else if (words[0] == "policy")
      handle(PolicyReplaced{compile(step.policy)}, step);
    else if (words[0] == "time")
      handle(TimePassed{}, step);
    else if (words[0] == "stop")
      handle(Stopping{}, step);
    else
      throw std::runtime_error{"no such step: " + words[0]};
  }

  void on_packet(const Step& step) {
    const std::vector<std::string>& words = step.words;
    const std::string& protocol = words.at(3);
    PacketWords read;
    read.queued.id = {0, static_cast<std::uint32_t>(std::stoul(words.at(1)))};
    read.queued.hook = hook_of(words.at(2));
    read.read(words, 7, protocol);
    const auto [source, source_port] = end_of(words.at(4));
    const auto [destination, destination_port] = end_of(words.at(6));
    PacketBuilder builder{source, destination};
    if (protocol == "tcp") {
      builder.tcp(source_port, destination_port, read.flags, static_cast<std::uint32_t>(read.number("seq")));
    } else if (protocol == "udp") {
      builder.udp(source_port, destination_port);
    } else if (protocol == "icmp" || protocol == "icmpv6") {
      builder.icmp(static_cast<std::uint8_t>(read.number("type")),
                   static_cast<std::uint8_t>(read.number("code")),
                   static_cast<std::uint16_t>(read.number("id")));
    } else {
      builder.protocol(*parse_protocol(protocol));
    }
    const Bytes bytes = builder.payload(Bytes(read.number("size"))).build();
    queue(read, bytes, static_cast<std::size_t>(read.number("cut", bytes.size())), step);
  }

  void on_error(const Step& step) {
    const std::vector<std::string>& words = step.words;
    const auto [source, port] = end_of(words.at(3));
    const auto [destination, other_port] = end_of(words.at(5));
    const FiveTuple about = tuple_of(words.at(7), words.at(8), words.at(10));
    PacketBuilder inner{about.source_address().to_string(), about.destination_address().to_string()};
    if (about.protocol == Protocol::tcp)
      inner.tcp(about.source_port, about.destination_port);
    else
      inner.udp(about.source_port, about.destination_port);
    const bool v4 = about.family == Family::ipv4;
    const Bytes bytes =
        PacketBuilder{source, destination}.icmp_error(v4 ? 3 : 1, v4 ? 1 : 3, inner.build()).build();
    PacketWords read;
    read.queued.id = {0, static_cast<std::uint32_t>(std::stoul(words.at(1)))};
    read.queued.hook = hook_of(words.at(2));
    queue(read, bytes, bytes.size(), step);
  }

  void on_bytes(const Step& step) {
    Bytes bytes;
    const std::string hex = step.words.size() > 3 ? step.words[3] : "";
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
      bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    }
    PacketWords read;
    read.queued.id = {0, static_cast<std::uint32_t>(std::stoul(step.words.at(1)))};
    read.queued.hook = hook_of(step.words.at(2));
    queue(read, bytes, bytes.size(), step);
  }

  void queue(PacketWords& read, const Bytes& bytes, std::size_t copied, const Step& step) {
    read.queued.bytes = std::span{bytes}.first(std::min(copied, bytes.size()));
    read.queued.wire_length = bytes.size();
    read.queued.interface = read.interface;
    handle(read.queued, step);
  }

  // PROTOCOL SOURCE > DESTINATION, and what follows.
  static ConntrackEntry entry_of(const std::vector<std::string>& words, std::size_t at) {
    ConntrackEntry entry;
    entry.original = tuple_of(words.at(at), words.at(at + 1), words.at(at + 3));
    entry.reply = entry.original.reversed();
    for (std::size_t i = at + 4; i < words.size(); ++i) {
      const auto [name, value] = setting(words[i]);
      (name == "packets" ? entry.packets : entry.bytes) = std::stoull(value);
    }
    return entry;
  }

  void on_conntrack(const Step& step) {
    const std::vector<std::string>& words = step.words;
    ConntrackChanged change;
    const std::string& kind = words.at(1);
    change.kind = kind == "started"     ? ConntrackChanged::Kind::started
                  : kind == "destroyed" ? ConntrackChanged::Kind::destroyed
                                        : ConntrackChanged::Kind::updated;
    change.entry = entry_of(words, 2);
    if (kind == "closing") change.entry.tcp = TcpState::time_wait;
    handle(change, step);
  }

  void on_adopt(const Step& step) {
    const std::vector<std::string>& words = step.words;
    ConntrackEntry entry = entry_of(words, 3);
    entry.direction = *parse_direction(words.at(1));
    entry.mark = flow_mark(*parse_verdict(words.at(2)));
    engine_.handle(ResyncBegan{true}, step.at, effects_);
    engine_.handle(ConntrackSeen{entry, {}, 0}, step.at, effects_);
    handle(ResyncEnded{false}, step);
  }

  void on_answer(const Step& step) {
    const std::vector<std::string>& words = step.words;
    const FiveTuple tuple = tuple_of(words.at(2), words.at(3), words.at(5));
    const FlowIndex index = engine_.flows().find(FlowKey{tuple});
    const FlowId flow = index == kNoFlow ? FlowId{} : engine_.flows().at(index).id;
    handle(AnswerGiven{flow, *parse_verdict(words.at(1))}, step);
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
    if (effects_.read_table) lines.push_back("read-table");
    for (const Record& record : effects_.records) {
      lines.push_back("record " + std::string{to_string(record.verdict)} + " \"" + record.rule + "\" " +
                      std::string{to_string(record.stage)} + " " + std::string{to_string(record.reason)} +
                      (record.cause == Cause::none ? "" : " " + std::string{to_string(record.cause)}) +
                      (record.old_verdict ? " was " + std::string{to_string(*record.old_verdict)} : "") +
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
        {"next", next ? unix_seconds(*next) : -1},
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
};

}  // namespace

std::vector<std::string> run_scenario(const Scenario& scenario) { return ScenarioRunner{scenario}.run(); }

}  // namespace tollgate::test
