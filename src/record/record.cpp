// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/record/record.hpp"

#include <algorithm>
#include <array>

#include "tollgate/process/process_field.hpp"

namespace tollgate {
namespace {

// Names come from people's files: in a line of text they may not end the quotes or the line.
std::string in_quotes(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
  return out;
}

// The reasons that a rule's name or "default" already tells.
bool goes_without_saying(Reason reason) {
  return reason == Reason::rule || reason == Reason::default_verdict;
}

// `rule "no web" (link)`, `default (link)`, `rule "no web" (link, cached)`, `overload`.
std::string why(const Record& record) {
  const bool named = !record.rule.empty();
  const bool plain = goes_without_saying(record.reason);
  std::string text;
  if (named) {
    text = "rule " + in_quotes(record.rule);
  } else if (plain) {
    text = "default";
  } else {
    text = to_string(record.reason);
  }
  std::string places;
  if (record.stage != Stage::none) places = to_string(record.stage);
  if (named && !plain) {
    if (!places.empty()) places += ", ";
    places += to_string(record.reason);
  }
  if (!places.empty()) text += " (" + places + ")";
  return text;
}

// `, was permanent-accept by rule "web" (policy)`, `, again (restart)`.
std::string history(const Record& record) {
  if (record.cause == Cause::none) return {};
  std::string text = ", again";
  if (record.old_verdict) {
    text = ", was " + std::string{to_string(*record.old_verdict)};
    if (!record.old_rule.empty()) text += " by rule " + in_quotes(record.old_rule);
  }
  return text + " (" + std::string{to_string(record.cause)} + ")";
}

class Fields {
 public:
  void add(std::string_view name, std::string_view value) { list_.emplace_back(name, std::string{value}); }
  void add_if(std::string_view name, std::string_view value) {
    if (!value.empty()) add(name, value);
  }
  void add_number(std::string_view name, std::uint64_t value) {
    list_.emplace_back(name, std::to_string(value));
  }
  std::vector<std::pair<std::string_view, std::string>> take() { return std::move(list_); }

 private:
  std::vector<std::pair<std::string_view, std::string>> list_;
};

void add_tuple(Fields& fields, const FiveTuple& tuple) {
  fields.add("TOLLGATE_PROTOCOL", to_string(tuple.protocol));
  fields.add("TOLLGATE_SOURCE", tuple.source_address().to_string());
  fields.add("TOLLGATE_DESTINATION", tuple.destination_address().to_string());
  if (has_ports(tuple.protocol)) {
    fields.add_number("TOLLGATE_SOURCE_PORT", tuple.source_port);
    fields.add_number("TOLLGATE_DESTINATION_PORT", tuple.destination_port);
  } else if (is_icmp(tuple.protocol)) {
    fields.add_number("TOLLGATE_ICMP_TYPE", tuple.destination_port >> 8);
    fields.add_number("TOLLGATE_ICMP_CODE", tuple.destination_port & 0xff);
    fields.add_number("TOLLGATE_ICMP_ID", tuple.source_port);
  }
}

void add_process(Fields& fields, const Process& process) {
  static constexpr std::array<std::pair<ProcessField, std::string_view>, kProcessFields> kNames = {{
      {ProcessField::process, "TOLLGATE_PROCESS"},
      {ProcessField::command, "TOLLGATE_COMMAND"},
      {ProcessField::parent, "TOLLGATE_PARENT"},
      {ProcessField::script, "TOLLGATE_SCRIPT"},
      {ProcessField::unit, "TOLLGATE_UNIT"},
      {ProcessField::slice, "TOLLGATE_SLICE"},
      {ProcessField::session, "TOLLGATE_SESSION"},
      {ProcessField::cgroup, "TOLLGATE_CGROUP"},
      {ProcessField::container, "TOLLGATE_CONTAINER"},
      {ProcessField::app, "TOLLGATE_APP"},
      {ProcessField::sha256, "TOLLGATE_SHA256"},
  }};
  if (process.id.pid != 0) fields.add_number("TOLLGATE_PID", process.id.pid);
  for (const auto& [field, name] : kNames) fields.add_if(name, text_of(process, field));
  fields.add("TOLLGATE_PROCESS_SOURCE", to_string(process.source));
}

void add_findings(Fields& fields, const Findings& findings) {
  fields.add_if("TOLLGATE_SNI", findings.sni);
  std::string alpn;
  for (const std::string& each : findings.alpn) alpn += (alpn.empty() ? "" : ",") + each;
  fields.add_if("TOLLGATE_ALPN", alpn);
  if (findings.protocol) fields.add("TOLLGATE_PROTOCOL_SEEN", to_string(*findings.protocol));
  if (findings.encrypted) fields.add("TOLLGATE_ENCRYPTED", *findings.encrypted ? "true" : "false");
}

// Names of files, and those that strangers send, may hold anything.
std::string readable(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) { return c > ' ' && c != 0x7f && c != '"'; });
  return plain ? std::string{text} : in_quotes(text);
}

// " by /usr/bin/curl[4711]"; the path is whatever somebody called a file.
std::string by(const Process& process) {
  std::string_view path;
  // Of a forwarded flow only its container may be known.
  for (const ProcessField field :
       {ProcessField::process, ProcessField::container, ProcessField::unit, ProcessField::cgroup}) {
    if (path.empty()) path = text_of(process, field);
  }
  std::string text = " by " + readable(path);
  if (process.id.pid != 0) text += '[' + std::to_string(process.id.pid) + ']';
  return text;
}

}  // namespace

std::string to_line(const Record& record) {
  std::string line{to_string(record.verdict)};
  line += ' ';
  line += to_string(record.direction);
  line += ' ';
  line += record.reason == Reason::unparsed ? std::string{"packet"} : record.tuple.to_string();
  if (!record.domain.empty()) line += " (" + readable(record.domain) + ')';
  if (!record.interface.empty()) line += ' ' + record.interface;
  if (record.uid.is_known()) line += " uid " + std::to_string(*record.uid);
  if (record.process) line += by(*record.process);
  line += ", " + why(record) + history(record);
  if (record.inspected > 0)
    line += ", after " + std::to_string(record.inspected) + (record.inspected == 1 ? " packet" : " packets");
  if (!record.detail.empty()) line += ": " + record.detail;
  return line;
}

std::vector<std::pair<std::string_view, std::string>> to_fields(const Record& record) {
  Fields fields;
  fields.add("TOLLGATE_VERDICT", to_string(record.verdict));
  fields.add_if("TOLLGATE_RULE", record.rule);
  if (record.stage != Stage::none) fields.add("TOLLGATE_STAGE", to_string(record.stage));
  fields.add("TOLLGATE_REASON", to_string(record.reason));
  fields.add("TOLLGATE_DIRECTION", to_string(record.direction));
  if (record.reason != Reason::unparsed) add_tuple(fields, record.tuple);
  fields.add_if("TOLLGATE_INTERFACE", record.interface);
  if (record.uid.is_known()) fields.add_number("TOLLGATE_UID", *record.uid);
  if (record.gid.is_known()) fields.add_number("TOLLGATE_GID", *record.gid);
  if (record.flow.value != 0) fields.add_number("TOLLGATE_FLOW", record.flow.value);
  if (record.generation.value != 0) fields.add_number("TOLLGATE_GENERATION", record.generation.value);
  if (record.process) add_process(fields, *record.process);
  fields.add_if("TOLLGATE_DOMAIN", record.domain);
  if (record.domain_source) fields.add("TOLLGATE_DOMAIN_SOURCE", to_string(*record.domain_source));
  if (record.findings) add_findings(fields, *record.findings);
  if (record.inspected > 0) fields.add_number("TOLLGATE_INSPECTED", record.inspected);
  fields.add_if("TOLLGATE_DETAIL", record.detail);
  if (record.cause != Cause::none) fields.add("TOLLGATE_CAUSE", to_string(record.cause));
  if (record.old_verdict) fields.add("TOLLGATE_OLD_VERDICT", to_string(*record.old_verdict));
  fields.add_if("TOLLGATE_OLD_RULE", record.old_rule);
  return fields.take();
}

}  // namespace tollgate
