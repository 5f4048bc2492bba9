// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/control/flow_entry.hpp"

#include <variant>

#include "tollgate/engine/decide.hpp"

namespace tollgate {

namespace {

// RFC 792, RFC 4443 §4: the messages whose second word begins with an identifier that we keep.
bool has_echo_id(Protocol protocol, unsigned type) {
  return protocol == Protocol::icmp ? type == 0 || type == 8 : type == 128 || type == 129;
}

void describe_ports(const FiveTuple& tuple, FlowEntry& entry) {
  if (!is_icmp(tuple.protocol)) {
    entry.source_port = tuple.source_port;
    entry.destination_port = tuple.destination_port;
    return;
  }
  entry.icmp_type = static_cast<std::uint8_t>(tuple.destination_port >> 8);
  entry.icmp_code = static_cast<std::uint8_t>(tuple.destination_port & 0xff);
  if (has_echo_id(tuple.protocol, *entry.icmp_type)) entry.icmp_id = tuple.source_port;
}

// The flow may be a copy of one that is gone.
void describe_history(const FlowTable& flows, const Flow& flow, FlowEntry& entry) {
  const FlowIndex index = flows.find(FlowKey{flow.tuple});
  if (index == kNoFlow || flows.at(index).id != flow.id) return;
  const FlowDetail& detail = flows.detail(index);
  if (detail.cause == Cause::none) return;
  entry.cause = to_string(detail.cause);
  entry.old_verdict = to_string(detail.old_verdict);
}

std::string_view word(Match match) {
  switch (match) {
    case Match::no:
      return "no";
    case Match::yes:
      return "yes";
    case Match::unknown:
      return "unknown";
    case Match::inspects:
      return "inspects";
  }
  return "";
}

// What the question says of the process; nullopt when it says nothing.
std::optional<Process> asked_process(const ExplainRequest& request) {
  Process process;
  const std::optional<std::string>& path = request.who[ProcessField::process];
  if (!request.who.any() || path == "unknown") return std::nullopt;
  process.source = path == kKernelPath ? ProcessSource::kernel : ProcessSource::proc;
  for (std::size_t i = 0; i < kProcessFields; ++i) {
    if (const auto& text = request.who.texts[i]) set_text(process, process_field(i), *text);
  }
  return process;
}

bool is_cipher(Spoken protocol) {
  switch (protocol) {
    case Spoken::tls:
    case Spoken::dtls:
    case Spoken::quic:
    case Spoken::ssh:
    case Spoken::wireguard:
      return true;
    case Spoken::dns:
    case Spoken::mdns:
    case Spoken::llmnr:
    case Spoken::http:
    case Spoken::http2:
    case Spoken::smtp:
    case Spoken::imap:
    case Spoken::pop3:
    case Spoken::xmpp:
    case Spoken::postgresql:
    case Spoken::count_:
      break;
  }
  return false;
}

// What the question says of the first bytes; nullopt when it says nothing.
std::optional<Findings> asked_findings(const ExplainRequest& request) {
  const bool hello = !request.sni.empty() || !request.alpn.empty();
  if (!hello && request.protocol_seen.empty() && !request.encrypted && !request.name_mismatch)
    return std::nullopt;
  Findings said;
  said.sni = request.sni;
  said.alpn = request.alpn;
  said.protocol = parse_spoken(request.protocol_seen);
  if (hello && !said.protocol) said.protocol = Spoken::tls;
  said.encrypted = request.encrypted.value_or(said.protocol && is_cipher(*said.protocol));
  return said;
}

void add_first_bytes(const ExplainRequest& request, const std::optional<Findings>& said, Evidence& seen) {
  if (request.protocol != Protocol::tcp && request.protocol != Protocol::udp) return;
  if (said) {
    seen.findings = &*said;
    seen.encrypted = *said->encrypted;
    seen.name_mismatch = request.name_mismatch.value_or(false);
    return;
  }
  seen.findings = Known<const Findings*>::awaited();
  seen.encrypted = seen.name_mismatch = Known<bool>::awaited();
}

Evidence evidence(const ExplainRequest& request, const std::optional<Process>& process,
                  const std::optional<Findings>& said) {
  Evidence seen;
  seen.tuple.source = request.source.bytes();
  seen.tuple.destination = request.destination.bytes();
  seen.tuple.source_port = request.source_port;
  seen.tuple.destination_port = request.destination_port;
  seen.tuple.protocol = request.protocol;
  seen.tuple.family = request.source.family();
  seen.direction = request.direction;
  if (!request.interface.empty()) seen.interface = std::string_view{request.interface};
  if (request.uid) seen.uid = *request.uid;
  if (request.gid) seen.gid = *request.gid;
  if (!request.domain.empty()) seen.domain = std::string_view{request.domain};
  seen.domain_source = parse_name_source(request.name_source).value_or(NameSource::dns);
  if (process) seen.process = &*process;
  add_first_bytes(request, said, seen);
  return seen;
}

void describe(const Observed& observed, FlowEntry& entry) {
  if (!observed.domain.empty()) entry.domain = observed.domain;
  if (observed.domain_source) entry.domain_source = to_string(*observed.domain_source);
  entry.name_mismatch = observed.name_mismatch;
  if (!observed.findings) return;
  const Findings& findings = *observed.findings;
  if (!findings.sni.empty()) entry.sni = findings.sni;
  entry.alpn = findings.alpn;
  if (findings.protocol) entry.protocol_seen = to_string(*findings.protocol);
  entry.encrypted = findings.encrypted;
}

FlowEntry describe(const Engine& engine, const Flow& flow, const FlowOwner& owner, const Observed* observed) {
  FlowEntry entry;
  entry.id = flow.id.value;
  entry.protocol = to_string(flow.tuple.protocol);
  entry.direction = to_string(flow.direction);
  entry.source = flow.tuple.source_address().to_string();
  entry.destination = flow.tuple.destination_address().to_string();
  describe_ports(flow.tuple, entry);
  entry.interface = engine.interface_name(flow.interface);
  if (flow.uid != kNoOwner) entry.uid = flow.uid;
  if (owner.process) entry.process = describe(*owner.process);
  if (owner.state == FlowOwner::State::unknown) entry.process_unknown = to_string(owner.why);
  entry.state = to_string(flow.state);
  entry.adopted = flow.adopted;
  if (flow.state != FlowState::pending) {
    entry.verdict = to_string(flow.verdict);
    entry.rule = engine.rule_name(flow.rule);
    entry.stage = to_string(flow.stage);
    entry.reason = to_string(flow.reason);
    describe_history(engine.flows(), flow, entry);
  }
  entry.first_seen = unix_seconds(flow.first_seen);
  entry.last_active = unix_seconds(flow.last_active);
  entry.generation = flow.generation.value;
  entry.packets = flow.packets;
  entry.bytes = flow.bytes;
  if (observed != nullptr) describe(*observed, entry);
  return entry;
}

}  // namespace

ProcessEntry describe(const Process& process) {
  ProcessEntry entry;
  entry.pid = process.id.pid;
  for (std::size_t i = 0; i < kProcessFields; ++i) {
    if (kEntryTexts[i] != nullptr) entry.*kEntryTexts[i] = text_of(process, process_field(i));
  }
  entry.deleted = process.deleted;
  entry.name = process.name;
  entry.directory = process.directory;
  if (process.uid != kNoOwner) entry.uid = process.uid;
  if (process.gid != kNoOwner) entry.gid = process.gid;
  for (const Ancestor& ancestor : process.ancestors) entry.parents.push_back(ancestor.path);
  entry.source = to_string(process.source);
  return entry;
}

FlowEntry describe(const Engine& engine, FlowIndex index) {
  const Flow& flow = engine.flows().at(index);
  return describe(engine, flow, engine.owner(index), engine.observer().find(flow.id));
}

FlowEntry describe(const Engine& engine, const FlowChanged& change) {
  return describe(engine, change.flow, change.owner, &change.observed);
}

void describe(const std::vector<SocketHolder>& holders, bool whole, FlowEntry& entry) {
  std::vector<HolderEntry>& listed = entry.holders.emplace();
  for (const SocketHolder& holder : holders) {
    if (listed.size() == kMostHolders) break;
    listed.push_back({holder.process.pid, holder.name, holder.path});
  }
  entry.holders_omitted = holders.size() - listed.size();
  entry.holders_hidden = !whole;
}

Explanation explain(const Policy& policy, const ExplainRequest& request) {
  const std::optional<Process> process = asked_process(request);
  const std::optional<Findings> said = asked_findings(request);
  const Evidence seen = evidence(request, process, said);
  Explanation explanation;
  for (TriedRule& tried : policy.explain(seen)) {
    const Rule& rule = policy.rules()[tried.rule];
    explanation.tried.push_back(
        {rule.name, rule.file, rule.line, std::string{word(tried.match)}, std::move(tried.why)});
  }
  const Decision decision = decide(policy, seen);
  if (const auto* decided = std::get_if<Decided>(&decision)) {
    explanation.verdict = to_string(decided->verdict);
    if (decided->rule != kNoRule) explanation.rule = policy.rules()[decided->rule].name;
    explanation.stage = to_string(decided->stage);
    explanation.reason = to_string(decided->reason);
  } else {
    const std::uint32_t rule = std::get<Waits>(decision).rule;
    explanation.verdict = "pending";
    if (rule != kNoRule) explanation.rule = policy.rules()[rule].name;
  }
  return explanation;
}

RuleEntry describe(const Rule& rule) {
  RuleEntry entry;
  entry.name = rule.name;
  entry.file = rule.file;
  entry.line = rule.line;
  entry.verdict = to_string(rule.verdict);
  entry.stage = to_string(rule.stage);
  entry.origin = rule.added ? "added" : "file";
  if (rule.expires) entry.expires = unix_seconds(*rule.expires);
  return entry;
}

}  // namespace tollgate
