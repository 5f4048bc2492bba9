// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/control/messages.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "json_codec.hpp"
#include "tollgate/base/glob.hpp"
#include "tollgate/inspect/findings.hpp"
#include "tollgate/names/domain.hpp"
#include "tollgate/names/name_source.hpp"

namespace tollgate {

template <class Visitor>
void members(Visitor& visit, Like<Status::PolicyState> auto& policy) {
  visit("generation", policy.generation);
  visit("rules", policy.rules);
  visit("loaded", policy.loaded);
}

template <class Visitor>
void members(Visitor& visit, Like<Status::Flows> auto& flows) {
  visit("active", flows.active);
  visit("ended", flows.ended);
  visit("pending", flows.pending);
  visit("limit", flows.limit);
  visit("evicted", flows.evicted);
  visit("adopted", flows.adopted);
  visit("inspected", flows.inspected);
  visit("idle_percent", flows.idle_percent);
}

template <class Visitor>
void members(Visitor& visit, Like<Status::Queue> auto& queue) {
  visit("received", queue.received);
  visit("verdicts", queue.verdicts);
  visit("kernel_dropped", queue.kernel_dropped);
  visit("user_dropped", queue.user_dropped);
  visit("enobufs", queue.enobufs);
  visit("pending_packets", queue.pending_packets);
}

template <class Visitor>
void members(Visitor& visit, Like<Status::ConntrackState> auto& conntrack) {
  visit("entries", conntrack.entries);
  visit("limit", conntrack.limit);
  visit("dropped", conntrack.dropped);
  visit("invalid", conntrack.invalid);
  visit("untracked", conntrack.untracked);
  visit("events", conntrack.events);
  visit("resyncs", conntrack.resyncs);
}

template <class Visitor>
void members(Visitor& visit, Like<Status::Sockets> auto& sockets) {
  visit("events", sockets.events);
  visit("destroyed", sockets.destroyed);
  visit("authorized", sockets.authorized);
}

template <class Visitor>
void members(Visitor& visit, Like<Status::Log> auto& log) {
  visit("written", log.written);
  visit("suppressed", log.suppressed);
}

template <class Visitor>
void members(Visitor& visit, Like<Status::Attribution> auto& attribution) {
  visit("lookup", attribution.lookup);
  visit("programs", attribution.programs);
  visit("found", attribution.found);
  visit("not_found", attribution.not_found);
  visit("processes", attribution.processes);
  visit("lost", attribution.lost);
  visit.defaulted("forgotten", attribution.forgotten);
}

template <class Visitor>
void members(Visitor& visit, Like<Status::Names> auto& names) {
  visit("dns", names.dns);
  visit("copies", names.copies);
  visit("lost", names.lost);
  visit("questions", names.questions);
  visit("answers", names.answers);
  visit("unasked", names.unasked);
  visit("malformed", names.malformed);
  visit("learned", names.learned);
  visit("held", names.held);
  visit("evicted", names.evicted);
}

template <class Visitor>
void members(Visitor& visit, Like<Status> auto& status) {
  visit("version", status.version);
  visit("uptime_seconds", status.uptime_seconds);
  visit("backend", status.backend);
  visit("mark_path", status.mark_path);
  visit("fail", status.fail);
  visit("policy", status.policy);
  visit("flows", status.flows);
  visit("queue", status.queue);
  visit("conntrack", status.conntrack);
  visit("sockets", status.sockets);
  visit("lacking", status.lacking);
  visit("malformed", status.malformed);
  visit("reasons", status.reasons);
  visit("log", status.log);
  visit("attribution", status.attribution);
  visit("names", status.names);
  visit("nameserver", status.nameserver);
  visit("errors", status.errors);
}

template <class Visitor>
void members(Visitor& visit, Like<ProcessEntry> auto& process) {
  visit("pid", process.pid);
  visit("path", process.path);
  visit("deleted", process.deleted);
  visit("name", process.name);
  visit("command", process.command);
  visit("directory", process.directory);
  visit("script", process.script);
  visit("uid", process.uid);
  visit("gid", process.gid);
  visit("parents", process.parents);
  visit("cgroup", process.cgroup);
  visit("unit", process.unit);
  visit("slice", process.slice);
  visit("session", process.session);
  visit("container", process.container);
  visit("app", process.app);
  visit("sha256", process.sha256);
  visit("source", process.source);
}

template <class Visitor>
void members(Visitor& visit, Like<HolderEntry> auto& holder) {
  visit("pid", holder.pid);
  visit("name", holder.name);
  visit("path", holder.path);
}

template <class Visitor>
void members(Visitor& visit, Like<FlowEntry> auto& flow) {
  visit("id", flow.id);
  visit("protocol", flow.protocol);
  visit("direction", flow.direction);
  visit("source", flow.source);
  visit("source_port", flow.source_port);
  visit("destination", flow.destination);
  visit("destination_port", flow.destination_port);
  visit("icmp_id", flow.icmp_id);
  visit("icmp_type", flow.icmp_type);
  visit("icmp_code", flow.icmp_code);
  visit("interface", flow.interface);
  visit("uid", flow.uid);
  visit("process", flow.process);
  visit("process_unknown", flow.process_unknown);
  visit("holders", flow.holders);
  visit.defaulted("holders_omitted", flow.holders_omitted);
  visit.defaulted("holders_hidden", flow.holders_hidden);
  visit("verdict", flow.verdict);
  visit("rule", flow.rule);
  visit("stage", flow.stage);
  visit("reason", flow.reason);
  visit("cause", flow.cause);
  visit("old_verdict", flow.old_verdict);
  visit("state", flow.state);
  visit("adopted", flow.adopted);
  visit("first_seen", flow.first_seen);
  visit("last_active", flow.last_active);
  visit("generation", flow.generation);
  visit("packets", flow.packets);
  visit("bytes", flow.bytes);
  visit("domain", flow.domain);
  visit("domain_source", flow.domain_source);
  visit.defaulted("name_mismatch", flow.name_mismatch);
  visit("sni", flow.sni);
  visit.defaulted("alpn", flow.alpn);
  visit("protocol_seen", flow.protocol_seen);
  visit("encrypted", flow.encrypted);
}

template <class Visitor>
void members(Visitor& visit, Like<FlowEvent> auto& event) {
  visit("change", event.change);
  visit("flow", event.flow);
}

// Members of whatever has them.
template <class Visitor>
void members(Visitor& visit, Like<ProcessTexts> auto& who) {
  for (std::size_t i = 0; i < kProcessFields; ++i) visit(one_word(process_field(i)), who.texts[i]);
}

template <class Visitor>
void members(Visitor& visit, Like<FlowFilter> auto& filter) {
  visit("ids", filter.ids);
  visit("protocol", filter.protocol);
  visit("direction", filter.direction);
  visit("verdict", filter.verdict);
  visit("state", filter.state);
  visit("rule", filter.rule);
  visit("address", filter.address);
  visit("port", filter.port);
  visit("destination", filter.destination);
  visit("destination_port", filter.destination_port);
  visit("uid", filter.uid);
  visit("pid", filter.pid);
  members(visit, filter.who);
}

template <class Visitor>
void members(Visitor& visit, Like<ActionCounts> auto& counts) {
  visit("matched", counts.matched);
  visit("changed", counts.changed);
  visit("waiting", counts.waiting);
  visit("untouched", counts.untouched);
  visit("marks_set", counts.marks_set);
  visit("marks_gone", counts.marks_gone);
  visit("sockets_destroyed", counts.sockets_destroyed);
  visit("sockets_gone", counts.sockets_gone);
  visit("failed", counts.failed);
}

template <class Visitor>
void members(Visitor& visit, Like<ExplainRequest> auto& request) {
  visit("direction", request.direction);
  visit("protocol", request.protocol);
  visit("source", request.source);
  visit("destination", request.destination);
  visit.defaulted("source_port", request.source_port);
  visit.defaulted("destination_port", request.destination_port);
  visit.defaulted("interface", request.interface);
  visit("uid", request.uid);
  visit("gid", request.gid);
  visit.defaulted("domain", request.domain);
  visit.defaulted("name_source", request.name_source);
  visit.defaulted("sni", request.sni);
  visit.defaulted("alpn", request.alpn);
  visit.defaulted("protocol_seen", request.protocol_seen);
  visit("encrypted", request.encrypted);
  visit("name_mismatch", request.name_mismatch);
  members(visit, request.who);
}

template <class Visitor>
void members(Visitor& visit, Like<Explanation::Tried> auto& tried) {
  visit("rule", tried.rule);
  visit("file", tried.file);
  visit("line", tried.line);
  visit("match", tried.match);
  visit("why", tried.why);
}

template <class Visitor>
void members(Visitor& visit, Like<Explanation> auto& explanation) {
  visit("tried", explanation.tried);
  visit("verdict", explanation.verdict);
  visit("rule", explanation.rule);
  visit("stage", explanation.stage);
  visit("reason", explanation.reason);
}

template <class Visitor>
void members(Visitor& visit, Like<RuleEntry> auto& rule) {
  visit("name", rule.name);
  visit("file", rule.file);
  visit("line", rule.line);
  visit("verdict", rule.verdict);
  visit("stage", rule.stage);
  visit("origin", rule.origin);
  visit("expires", rule.expires);
  visit("hits", rule.hits);
}

template <class Visitor>
void members(Visitor& visit, Like<Diagnostic> auto& diagnostic) {
  visit("file", diagnostic.file);
  visit("line", diagnostic.line);
  visit("column", diagnostic.column);
  visit("message", diagnostic.message);
}

boost::json::value to_json(const Status& status) { return JsonWriter::encode(status); }
boost::json::value to_json(const FlowEntry& flow) { return JsonWriter::encode(flow); }
boost::json::value to_json(const FlowEvent& event) { return JsonWriter::encode(event); }
boost::json::value to_json(const FlowFilter& filter) { return JsonWriter::encode(filter); }
boost::json::value to_json(const ActionCounts& counts) { return JsonWriter::encode(counts); }
boost::json::value to_json(const ExplainRequest& request) { return JsonWriter::encode(request); }
boost::json::value to_json(const Explanation& explanation) { return JsonWriter::encode(explanation); }
boost::json::value to_json(const RuleEntry& rule) { return JsonWriter::encode(rule); }
boost::json::value to_json(const Diagnostic& diagnostic) { return JsonWriter::encode(diagnostic); }
boost::json::value to_json(const Diagnostics& diagnostics) { return JsonWriter::encode(diagnostics); }

namespace {

template <class T>
Result<T, std::string> read(const boost::json::value& value, UnknownMembers unknown) {
  T out;
  std::string error = JsonReader::decode(value, out, unknown);
  if (error.empty()) return out;
  // The outermost value has no name of its own.
  error.erase(0, error.starts_with(": ") ? 2 : error.starts_with(".") ? 1 : 0);
  return error;
}

bool is_state(std::string_view word) {
  constexpr std::array<std::string_view, 4> kStates{"pending", "inspecting", "active", "ended"};
  for (std::string_view state : kStates) {
    if (state == word) return true;
  }
  return false;
}

// The words of a filter are those of a flow, so that a typing error does not look like "no flows".
std::string check(FlowFilter& filter) {
  if (filter.protocol) {
    const std::optional<Protocol> protocol = parse_protocol(*filter.protocol);
    if (!protocol) return "protocol: no such protocol (a name like tcp, or a number from 0 to 255)";
    filter.protocol = to_string(*protocol);
  }
  if (filter.direction && !parse_direction(*filter.direction)) {
    return "direction: not outbound, inbound or forward";
  }
  if (filter.verdict && !parse_verdict(*filter.verdict)) {
    return "verdict: no such verdict (accept, permanent-block, reroute-tunnel, …)";
  }
  if (filter.state && !is_state(*filter.state)) return "state: not pending, inspecting, active or ended";
  if (filter.ids && filter.ids->size() > kMostIds) return "ids: more than " + std::to_string(kMostIds);
  for (const auto& [name, network] :
       {std::pair{"address", &filter.address}, std::pair{"destination", &filter.destination}}) {
    if (*network && !Prefix::parse(**network)) {
      return std::string{name} + ": not an address, nor a network like 10.0.0.0/8 without host bits";
    }
  }
  return "";
}

bool same(const std::optional<std::string>& wanted, std::string_view have) {
  return !wanted || *wanted == have;
}

bool is_like(const ProcessEntry& process, ProcessField field, const std::string& glob) {
  const auto like = [&](const std::string& text) { return !text.empty() && glob_matches(glob, text); };
  if (field == ProcessField::parent) return std::any_of(process.parents.begin(), process.parents.end(), like);
  return like(process.*kEntryTexts[index_of(field)]);
}

bool is_whose(const FlowFilter& wanted, const FlowEntry& flow) {
  if (!wanted.pid && !wanted.who.any()) return true;
  const bool for_unknown = wanted.who[ProcessField::process] == "unknown";
  if (!flow.process) return for_unknown && !wanted.pid;
  const ProcessEntry& process = *flow.process;
  if (for_unknown || (wanted.pid && *wanted.pid != process.pid)) return false;
  for (std::size_t i = 0; i < kProcessFields; ++i) {
    const std::optional<std::string>& glob = wanted.who.texts[i];
    if (glob && !is_like(process, process_field(i), *glob)) return false;
  }
  return true;
}

bool inside(const std::optional<Prefix>& network, const std::string& text) {
  const std::optional<IpAddress> address = IpAddress::parse(text);
  return network && address && network->contains(*address);
}

}  // namespace

Result<FlowFilter, std::string> filter_from_json(const boost::json::value& value) {
  Result<FlowFilter, std::string> filter = read<FlowFilter>(value, UnknownMembers::refuse);
  if (!filter) return filter;
  std::string error = check(*filter);
  if (!error.empty()) return error;
  return filter;
}

Result<ExplainRequest, std::string> explain_from_json(const boost::json::value& value) {
  Result<ExplainRequest, std::string> request = read<ExplainRequest>(value, UnknownMembers::refuse);
  if (request && request->source.family() != request->destination.family()) {
    return std::string{"destination: not of the same family (IPv4, IPv6) as source"};
  }
  if (request && !request->domain.empty()) {
    const auto domain = canonical_domain(request->domain);
    if (!domain) return std::string{"domain: not a domain"};
    request->domain = *domain;
  }
  if (request && !request->name_source.empty() && !parse_name_source(request->name_source))
    return std::string{"name_source: no such source of names"};
  if (request && !request->protocol_seen.empty() && !parse_spoken(request->protocol_seen))
    return std::string{"protocol_seen: no such protocol"};
  return request;
}

Result<Status, std::string> status_from_json(const boost::json::value& value) {
  return read<Status>(value, UnknownMembers::ignore);
}
Result<Status::PolicyState, std::string> policy_state_from_json(const boost::json::value& value) {
  return read<Status::PolicyState>(value, UnknownMembers::ignore);
}
Result<FlowEntry, std::string> flow_from_json(const boost::json::value& value) {
  return read<FlowEntry>(value, UnknownMembers::ignore);
}
Result<FlowEvent, std::string> event_from_json(const boost::json::value& value) {
  return read<FlowEvent>(value, UnknownMembers::ignore);
}
Result<ActionCounts, std::string> counts_from_json(const boost::json::value& value) {
  return read<ActionCounts>(value, UnknownMembers::ignore);
}
Result<Explanation, std::string> explanation_from_json(const boost::json::value& value) {
  return read<Explanation>(value, UnknownMembers::ignore);
}
Result<RuleEntry, std::string> rule_from_json(const boost::json::value& value) {
  return read<RuleEntry>(value, UnknownMembers::ignore);
}
Result<Diagnostics, std::string> diagnostics_from_json(const boost::json::value& value) {
  return read<Diagnostics>(value, UnknownMembers::ignore);
}

bool FlowFilter::matches(const FlowEntry& flow) const {
  if (!same(protocol, flow.protocol) || !same(direction, flow.direction) || !same(state, flow.state) ||
      !same(rule, flow.rule)) {
    return false;
  }
  if (verdict && verdict != flow.verdict) return false;
  if (uid && uid != flow.uid) return false;
  if (ids && std::find(ids->begin(), ids->end(), flow.id) == ids->end()) return false;
  if (!is_whose(*this, flow)) return false;
  if (port && *port != flow.source_port && *port != flow.destination_port) return false;
  if (destination_port && *destination_port != flow.destination_port) return false;
  if (destination && !inside(Prefix::parse(*destination), flow.destination)) return false;
  if (!address) return true;
  const std::optional<Prefix> network = Prefix::parse(*address);
  return inside(network, flow.source) || inside(network, flow.destination);
}

ActionCounts& ActionCounts::operator+=(const ActionCounts& more) {
  matched += more.matched;
  changed += more.changed;
  waiting += more.waiting;
  untouched += more.untouched;
  marks_set += more.marks_set;
  marks_gone += more.marks_gone;
  sockets_destroyed += more.sockets_destroyed;
  sockets_gone += more.sockets_gone;
  failed += more.failed;
  return *this;
}

}  // namespace tollgate
