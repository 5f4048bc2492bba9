// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cmath>
#include <ctime>

#include "counted_flows.hpp"
#include "output.hpp"
#include "table.hpp"
#include "words.hpp"

namespace tollgate::cli {

namespace {

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string counted(std::uint64_t count, const char* one, const char* many) {
  return number(count) + " " + (count == 1 ? one : many);
}

// Local time: what people's clocks say.
std::string clock_time(double unix_seconds, const char* format) {
  const auto seconds = static_cast<std::time_t>(std::floor(unix_seconds));
  std::tm parts{};
  char text[64];
  if (localtime_r(&seconds, &parts) == nullptr) return "?";
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

std::string duration(double seconds) {
  const auto total = static_cast<std::uint64_t>(std::max(0.0, seconds));
  if (total < 60) return number(total) + " s";
  if (total < 3600) return number(total / 60) + " min " + number(total % 60) + " s";
  if (total < 86400) return number(total / 3600) + " h " + number(total % 3600 / 60) + " min";
  return number(total / 86400) + " d " + number(total % 86400 / 3600) + " h";
}

std::string counts(const std::map<std::string, std::uint64_t>& named) {
  std::string text;
  for (const auto& [name, count] : named) {
    if (count != 0) text += (text.empty() ? "" : ", ") + name + " " + number(count);
  }
  return text.empty() ? "none" : text;
}

Colour colour_of(std::string_view verdict) {
  const std::optional<Verdict> known = parse_verdict(verdict);
  if (!known || is_reroute(*known)) return Colour::other;
  return lets_pass(*known) ? Colour::good : Colour::bad;
}

std::string endpoint(const std::string& address, std::uint16_t port) {
  if (port == 0) return address;
  return (address.find(':') == std::string::npos ? address : "[" + address + "]") + ":" + number(port);
}

std::string source(const FlowEntry& flow) { return endpoint(flow.source, flow.source_port); }

std::string destination(const FlowEntry& flow) {
  std::string text = endpoint(flow.destination, flow.destination_port);
  if (flow.icmp_type) text += " type " + number(*flow.icmp_type);
  if (flow.icmp_code) text += " code " + number(*flow.icmp_code);
  return text;
}

std::string program(const FlowEntry& flow) {
  if (!flow.process) return "";
  const ProcessEntry& process = *flow.process;
  if (!process.script.empty()) return process.script;
  // Of a forwarded flow only whose it is as a whole.
  for (const std::string* name : {&process.path, &process.container, &process.unit}) {
    if (!name->empty()) return *name;
  }
  return process.cgroup;
}

std::string verdict(const FlowEntry& flow) { return flow.verdict.value_or("-"); }

// --- status

void row(Page& page, std::string_view name, const std::string& text) {
  std::string label{name};
  label.resize(11, ' ');
  page.out << page.paint(label, Colour::faint) << harmless(text) << '\n';
}

void conntrack(Page& page, const Status& status) {
  const Status::ConntrackState& state = status.conntrack;
  std::string text = state.entries ? number(*state.entries) + " entries" : "entries unknown";
  if (state.limit) text += " of " + number(*state.limit);
  text += ", " + number(state.dropped) + " packets without room, " +
          (state.invalid ? number(*state.invalid) : std::string{"uncounted"}) + " INVALID, " +
          (state.untracked ? number(*state.untracked) : std::string{"uncounted"}) + " untracked, " +
          counted(state.events, "event", "events") + ", " + counted(state.resyncs, "resync", "resyncs");
  row(page, "conntrack", text);
}

std::string owners(const Status::Attribution& attribution) {
  if (attribution.lookup == "off") return "not looked for";
  const auto runs =
      std::ranges::count_if(attribution.programs, [](const auto& one) { return one.second.empty(); });
  return "found by " + counts(attribution.found) + "; not found: " + counts(attribution.not_found) + "; " +
         number(static_cast<std::uint64_t>(runs)) + " of " + number(attribution.programs.size()) +
         " eBPF programs run" +
         (attribution.lost == 0 ? ""
                                : "; " + number(attribution.lost) + " not told of by eBPF for want of room") +
         (counts(attribution.forgotten) == "none"
              ? ""
              : "; forgotten by eBPF for want of room: " + counts(attribution.forgotten));
}

std::string names(const Status::Names& names) {
  return number(names.held) + " held; DNS: " + counted(names.questions, "question", "questions") + ", " +
         counted(names.answers, "answer", "answers") + ", " + number(names.unasked) + " not asked for, " +
         number(names.malformed) + " malformed" +
         (names.dns ? "; " + counted(names.copies, "copy", "copies")
                    : "; what the kernel carries is not copied") +
         (names.lost == 0 ? "" : ", lost " + counted(names.lost, "time", "times")) +
         (names.evicted == 0 ? "" : "; " + number(names.evicted) + " went to make room");
}

void status(Page& page, const Status& status) {
  page.out << "tollgate " << harmless(status.version) << ", up " << duration(status.uptime_seconds) << '\n';
  row(page, "policy",
      "generation " + number(status.policy.generation) + ", " +
          counted(status.policy.rules, "rule", "rules") + ", loaded " +
          clock_time(status.policy.loaded, "%Y-%m-%d %H:%M:%S"));
  row(page, "rules", status.backend + ", verdicts by " + status.mark_path + " mark, fail " + status.fail);
  row(page, "flows",
      number(status.flows.active) + " active, " + number(status.flows.ended) + " ended, " +
          number(status.flows.pending) + " pending, " + number(status.flows.adopted) + " adopted, " +
          number(status.flows.inspected) + " inspected, " + number(status.flows.evicted) +
          " evicted; limit " + number(status.flows.limit) + ", idle times " +
          (status.flows.idle_percent >= 100 ? "whole"
                                            : "shortened to " + number(status.flows.idle_percent) + " %"));
  row(page, "queue",
      counted(status.queue.received, "packet", "packets") + " received, " +
          number(status.queue.pending_packets) + " waiting");
  row(page, "lost",
      number(status.queue.kernel_dropped) + " queue full, " + number(status.queue.user_dropped) +
          " socket full, ENOBUFS " + counted(status.queue.enobufs, "time", "times"));
  conntrack(page, status);
  row(page, "sockets",
      number(status.sockets.events) + " closed, " + number(status.sockets.destroyed) + " destroyed, " +
          number(status.sockets.authorized) + " authorized for any peer");
  row(page, "verdicts", counts(status.queue.verdicts));
  row(page, "reasons", counts(status.reasons));
  row(page, "malformed", counts(status.malformed));
  row(page, "log",
      counted(status.log.written, "record", "records") + " written, " + number(status.log.suppressed) +
          " suppressed");
  row(page, "owners", owners(status.attribution));
  for (const auto& [program, problem] : status.attribution.programs) {
    if (!problem.empty()) row(page, "", "eBPF program " + program + ": " + problem);
  }
  row(page, "names", names(status.names));
  if (!status.nameserver.empty()) row(page, "nameserver", counts(status.nameserver));
  row(page, "errors", counts(status.errors));
  for (const std::string& what : status.lacking) row(page, "lacking", what);
}

// --- flows

// "web, adopted, was permanent-block (policy)"
std::string rule_and_history(const FlowEntry& flow) {
  std::string text = flow.rule;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (flow.adopted) add("adopted");
  if (flow.old_verdict) add("was " + *flow.old_verdict + " (" + flow.cause + ")");
  return text;
}

// "systemd[1], web[4711] and 3 more"
std::string held_by(const FlowEntry& flow) {
  if (!flow.holders) return "?";
  std::string text;
  for (const HolderEntry& holder : *flow.holders) {
    const std::string& name = holder.path.empty() ? holder.name : holder.path;
    text += (text.empty() ? "" : ", ") + name + "[" + number(holder.pid) + "]";
  }
  if (flow.holders_omitted != 0) text += " and " + number(flow.holders_omitted) + " more";
  if (flow.holders_hidden) return text.empty() ? "?" : text + ", perhaps others";
  return text.empty() ? "nobody" : text;
}

// What a table of flows has beside what all have.
struct FlowColumns {
  bool traffic = false;  // of a capture: what was said, by nobody known
  bool holders = false;
};

class TableOfFlows final : public FlowList {
 public:
  TableOfFlows(Page& page, FlowColumns shown) : page_{page}, shown_{shown}, table_{page, columns(shown)} {}

  void add(const FlowEntry& flow) override {
    std::vector<Cell> cells{{number(flow.id)},   {flow.state},     {verdict(flow), colour_of(verdict(flow))},
                            {flow.direction},    {flow.protocol},  {source(flow)},
                            {destination(flow)}, {flow.interface}, {flow.uid ? number(*flow.uid) : ""}};
    if (!shown_.traffic) cells.push_back({program(flow)});
    if (shown_.holders) cells.push_back({held_by(flow)});
    if (shown_.traffic) {
      cells.push_back({readable_domain(flow.domain.value_or(""))});
      cells.push_back({flow.protocol_seen.value_or("")});
      cells.push_back({number(flow.packets)});
      cells.push_back({number(flow.bytes)});
    }
    cells.push_back({rule_and_history(flow)});
    table_.add(std::move(cells));
    any_ = true;
  }
  void finish() override {
    if (any_) {
      table_.finish();
    } else {
      page_.out << "no flows\n";
    }
  }

 private:
  static std::vector<Column> columns(const FlowColumns& shown) {
    std::vector<Column> columns{{"ID", true},
                                {"STATE"},
                                {"VERDICT"},
                                {"DIRECTION"},
                                {"PROTOCOL"},
                                {"SOURCE", false, true},
                                {"DESTINATION", false, true},
                                {"INTERFACE"},
                                {"UID", true}};
    if (!shown.traffic) columns.push_back({"PROGRAM", false, true});
    if (shown.holders) columns.push_back({"HELD BY"});
    if (shown.traffic) {
      columns.push_back({"DOMAIN", false, true});
      columns.push_back({"SPEAKS"});
      columns.push_back({"PACKETS", true});
      columns.push_back({"BYTES", true});
    }
    columns.push_back({"RULE", false, true});
    return columns;
  }

  Page& page_;
  FlowColumns shown_;
  Table table_;
  bool any_ = false;
};

std::unique_ptr<FlowList> flows_by(Page& page, const std::string& what) {
  return std::make_unique<CountedFlows>(what, [&page, what](const std::vector<FlowGroup>& groups) {
    if (groups.empty()) {
      page.out << "no flows\n";
      return;
    }
    std::string title = what;
    std::ranges::transform(title, title.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
    Table table{page, {{"FLOWS", true}, {"PACKETS", true}, {"BYTES", true}, {std::move(title), false, true}}};
    for (const FlowGroup& group : groups) {
      table.add({{number(group.flows)},
                 {number(group.packets)},
                 {number(group.bytes)},
                 {group.name.empty() ? "-" : group.name}});
    }
    table.finish();
  });
}

std::unique_ptr<FlowList> flows(Page& page, bool holders) {
  return std::make_unique<TableOfFlows>(page, FlowColumns{.holders = holders});
}
std::unique_ptr<FlowList> replayed(Page& page) {
  return std::make_unique<TableOfFlows>(page, FlowColumns{.traffic = true});
}

void change(Page& page, const FlowEvent& event) {
  const FlowEntry& flow = event.flow;
  std::string what = event.change;
  what.resize(std::max<std::size_t>(what.size(), 7), ' ');
  std::string rest =
      " " + flow.direction + " " + flow.protocol + " " + source(flow) + " > " + destination(flow);
  if (!flow.interface.empty()) rest += " " + flow.interface;
  if (flow.uid) rest += " uid " + number(*flow.uid);
  if (flow.process) {
    rest += " by " + (flow.process->path.empty() ? program(flow) : flow.process->path);
    if (flow.process->pid != 0) rest += "[" + number(flow.process->pid) + "]";
  }
  if (!flow.rule.empty()) rest += ", rule \"" + flow.rule + "\"";
  if (flow.old_verdict) rest += ", was " + *flow.old_verdict + " (" + flow.cause + ")";
  page.out << clock_time(flow.last_active, "%H:%M:%S") << ' ' << harmless(what) << ' '
           << page.paint(harmless(flow.verdict.value_or(flow.state)), colour_of(verdict(flow)))
           << harmless(rest) << std::endl;  // somebody is watching
}

// --- by hand

void refused_by_kernel(Page& page, const ActionCounts& counts) {
  if (counts.failed != 0) page.out << "kernel     refused " << number(counts.failed) << '\n';
}

void revoked(Page& page, const ActionCounts& counts) {
  page.out << counted(counts.matched, "flow matches", "flows match") << ": " << number(counts.changed)
           << " asked again at the next packet, " << number(counts.untouched) << " ended or waiting\n";
  row(page, "conntrack",
      counted(counts.marks_set, "mark", "marks") + " reset, " + number(counts.marks_gone) + " gone already");
  refused_by_kernel(page, counts);
}

void killed(Page& page, const ActionCounts& counts) {
  page.out << counted(counts.matched, "flow matches", "flows match") << ": " << number(counts.changed)
           << " cut, of which " << number(counts.waiting) << " still waited, " << number(counts.untouched)
           << " ended or cut before\n";
  row(page, "conntrack",
      counted(counts.marks_set, "mark", "marks") + " set, " + number(counts.marks_gone) + " gone already");
  row(page, "sockets",
      number(counts.sockets_destroyed) + " destroyed, " + number(counts.sockets_gone) + " gone already");
  refused_by_kernel(page, counts);
}

// --- rules

void rules(Page& page, const std::vector<RuleEntry>& rules) {
  if (rules.empty()) {
    page.out << "no rules: the defaults decide\n";
    return;
  }
  Table table{page,
              {{"RULE", false, true},
               {"ORIGIN"},
               {"VERDICT"},
               {"STAGE"},
               {"DECIDED", true},
               {"EXPIRES"},
               {"WHERE", false, true}}};
  for (const RuleEntry& rule : rules) {
    table.add({{rule.name},
               {rule.origin},
               {rule.verdict, colour_of(rule.verdict)},
               {rule.stage},
               {rule.hits ? number(*rule.hits) : "-"},
               {rule.expires ? clock_time(*rule.expires, "%Y-%m-%d %H:%M:%S") : "never"},
               {rule.origin == "added" ? "" : rule.file + ":" + number(rule.line)}});
  }
  table.finish();
}

void in_force(Page& page, const std::string& name, const char* what, const Status::PolicyState& policy) {
  page.out << "rule \"" << harmless(name) << "\" is " << what << ": policy " << policy.generation << ", "
           << counted(policy.rules, "rule", "rules") << '\n';
}

void rule_added(Page& page, const std::string& name, const Status::PolicyState& policy) {
  in_force(page, name, "in force", policy);
}

void rule_removed(Page& page, const std::string& name, const Status::PolicyState& policy) {
  in_force(page, name, "removed", policy);
}

// --- policy

void reloaded(Page& page, const Status::PolicyState& policy) {
  page.out << "policy " << policy.generation << " is in force, " << counted(policy.rules, "rule", "rules")
           << '\n';
}

void refused(Page& page, const Diagnostics& diagnostics, std::uint64_t omitted) {
  for (const Diagnostic& diagnostic : diagnostics) page.err << harmless(diagnostic.to_string()) << '\n';
  page.err << "tollgate: the new policy has " << counted(diagnostics.size() + omitted, "error", "errors");
  if (omitted != 0) page.err << " (the first " << diagnostics.size() << " are listed)";
  page.err << "; the old one stays in force\n";
}

void explanation(Page& page, const ExplainRequest& request, const Explanation& explanation) {
  page.out << to_string(request.direction) << ' ' << to_string(request.protocol) << ' '
           << endpoint(request.source.to_string(), request.source_port) << " > "
           << endpoint(request.destination.to_string(), request.destination_port);
  if (!request.domain.empty()) page.out << " for " << readable_domain(request.domain);
  page.out << '\n';
  if (!explanation.tried.empty()) {
    Table table{page, {{"MATCH"}, {"RULE", false, true}, {"WHERE", false, true}, {"WHY"}}};
    for (const Explanation::Tried& tried : explanation.tried) {
      table.add({{tried.match, tried.match == "no" ? Colour::faint : Colour::none},
                 {tried.rule},
                 {tried.file + ":" + number(tried.line)},
                 {tried.why}});
    }
    table.finish();
  }
  page.out << page.paint(harmless(explanation.verdict), colour_of(explanation.verdict))
           << (explanation.rule.empty() ? ", the default: no rule matches"
                                        : harmless(", by rule \"" + explanation.rule + "\""));
  if (!explanation.stage.empty()) page.out << " (stage " << harmless(explanation.stage) << ')';
  page.out << '\n';
}

void checked(Page& page, const CheckResult& result) {
  for (const Diagnostic& diagnostic : result.diagnostics)
    page.err << harmless(diagnostic.to_string()) << '\n';
  for (const Diagnostic& line : result.skipped) page.err << harmless(line.to_string()) << " (skipped)\n";
  if (!result.diagnostics.empty()) {
    page.err << "tollgate: " << counted(result.diagnostics.size(), "error", "errors") << '\n';
  }
  for (const CheckedFile& file : result.files) {
    if (file.contents.empty()) continue;
    page.out << file.kind << ' ' << harmless(file.path) << ": " << file.contents << '\n';
  }
}

// --- replay

void summary(Page& page, const ReplaySummary& summary) {
  page.out << counted(summary.packets, "packet", "packets") << ", " << counted(summary.flows, "flow", "flows")
           << ", " << counted(summary.other_frames, "frame", "frames") << " without IP\n";
  page.out << "verdicts: " << counts(summary.verdicts) << '\n';
  if (!summary.malformed.empty()) page.out << "malformed: " << counts(summary.malformed) << '\n';
}

}  // namespace

const Output kTextOutput{&status,  &flows,       &flows_by,   &change,       &revoked,
                         &killed,  &rules,       &rule_added, &rule_removed, &reloaded,
                         &refused, &explanation, &checked,    &replayed,     &summary};

}  // namespace tollgate::cli
