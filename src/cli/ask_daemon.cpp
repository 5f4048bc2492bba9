// SPDX-License-Identifier: GPL-2.0-or-later
// Commands that ask the daemon.
#include <boost/json.hpp>

#include "client.hpp"
#include "failure.hpp"
#include "invocation.hpp"
#include "output.hpp"
#include "tollgate/control/flow_entry.hpp"
#include "tollgate/inspect/findings.hpp"
#include "tollgate/names/name_source.hpp"
#include "words.hpp"

namespace tollgate::cli {

namespace {

// An answer of another version, most likely.
template <class T>
const T& understood(const Result<T, std::string>& answer) {
  if (answer) return *answer;
  throw Failure{Exit::refused, "the daemon's answer is not understood (" + answer.error() +
                                   "): tollgate and tollgated are of different versions"};
}

boost::json::value member(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr ? *value : boost::json::value{};
}

// "10.0.0.1", "10.0.0.0/8", "10.0.0.1:443", "[2001:db8::1]:443", ":443".
void read_destination(const std::string& text, FlowFilter& filter) {
  const std::size_t colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  // An IPv6 address by itself has colons too, but more than one.
  const bool has_port = bracketed ? text.find("]:") != std::string::npos
                                  : colon != std::string::npos && text.find(':') == colon;
  std::string network = has_port ? text.substr(0, colon) : text;
  if (has_port) filter.destination_port = port_number("--destination", text.substr(colon + 1));
  if (bracketed && network.ends_with(']')) network = network.substr(1, network.size() - 2);
  if (!network.empty() || !has_port) filter.destination = network;
}

// The words are checked here by the very code that the daemon checks them with.
FlowFilter filter(const Invocation& asked) {
  FlowFilter filter;
  if (!asked.ids.empty()) filter.ids = asked.ids;
  if (asked.destination) read_destination(*asked.destination, filter);
  filter.protocol = asked.protocol;
  filter.direction = asked.direction;
  filter.verdict = asked.verdict;
  filter.state = asked.state;
  filter.rule = asked.rule;
  filter.address = asked.address;
  if (asked.port) filter.port = port_number("--port", *asked.port);
  if (asked.user) filter.uid = user_number(*asked.user);
  if (asked.pid) filter.pid = pid_number(*asked.pid);
  filter.who = asked.who;
  Result<FlowFilter, std::string> checked = filter_from_json(to_json(filter));
  if (!checked) throw Failure{Exit::usage, "--" + checked.error()};
  return *checked;
}

void watch_flows(Client& client, const boost::json::object& parameters, bool json, Page& page) {
  client.stream("io.tollgate.WatchFlows", parameters, [&](const boost::json::object& reply) {
    if (member(reply, "flow").is_null()) return;  // the present ones are through
    output(json).change(page, understood(event_from_json(reply)));
  });
}

void list_flows(Client& client, const boost::json::object& parameters, const Invocation& asked, Page& page) {
  const std::unique_ptr<FlowList> list =
      asked.by ? output(asked.json).flows_by(page, *asked.by) : output(asked.json).flows(page, asked.holders);
  client.stream("io.tollgate.ListFlows", parameters, [&](const boost::json::object& reply) {
    list->add(understood(flow_from_json(member(reply, "flow"))));
  });
  list->finish();
}

IpAddress address(const char* option, const std::string& text) {
  const std::optional<IpAddress> address = IpAddress::parse(text);
  if (!address)
    throw Failure{Exit::usage, std::string{option} + ": \"" + text + "\" is not an IPv4 or IPv6 address"};
  return *address;
}

IpAddress unspecified(Family family) { return family == Family::ipv4 ? IpAddress{} : IpAddress::v6({}); }

void read_addresses(const Invocation& asked, ExplainRequest& request) {
  if (!asked.source && !asked.destination) {
    throw Failure{Exit::usage, "say who talks to whom: --source ADDRESS, --destination ADDRESS or both"};
  }
  if (asked.source) request.source = address("--source", *asked.source);
  if (asked.destination) request.destination = address("--destination", *asked.destination);
  if (!asked.source) request.source = unspecified(request.destination.family());
  if (!asked.destination) request.destination = unspecified(request.source.family());
  if (request.source.family() != request.destination.family()) {
    throw Failure{Exit::usage, "--source and --destination are not of the same family (IPv4, IPv6)"};
  }
}

ExplainRequest explain_request(const Invocation& asked) {
  ExplainRequest request;
  if (asked.direction) {
    const std::optional<Direction> direction = parse_direction(*asked.direction);
    if (!direction) throw Failure{Exit::usage, "--direction: not outbound, inbound or forward"};
    request.direction = *direction;
  }
  if (asked.protocol) {
    const std::optional<Protocol> protocol = parse_protocol(*asked.protocol);
    if (!protocol)
      throw Failure{Exit::usage, "--protocol: no such protocol (a name like tcp, or a number from 0 to 255)"};
    request.protocol = *protocol;
  }
  read_addresses(asked, request);
  if ((asked.port || asked.source_port) && !has_ports(request.protocol)) {
    throw Failure{Exit::usage, "--port, --source-port: " + to_string(request.protocol) + " has no ports"};
  }
  if (asked.port) request.destination_port = port_number("--port", *asked.port);
  if (asked.source_port) request.source_port = port_number("--source-port", *asked.source_port);
  request.interface = asked.interface.value_or("");
  if (asked.user) request.uid = user_number(*asked.user);
  if (asked.group) request.gid = group_number(*asked.group);
  if (asked.domain) request.domain = domain_name("--domain", *asked.domain);
  if (asked.name_source) {
    if (!parse_name_source(*asked.name_source))
      throw Failure{Exit::usage, "--name-source: no such source of names (dns, mdns, tls-sni, …)"};
    request.name_source = *asked.name_source;
  }
  if (asked.sni) request.sni = domain_name("--sni", *asked.sni);
  request.alpn = asked.alpn;
  if (asked.protocol_seen) {
    if (!parse_spoken(*asked.protocol_seen))
      throw Failure{Exit::usage, "--protocol-seen: no such protocol (tls, quic, http, ssh, …)"};
    request.protocol_seen = *asked.protocol_seen;
  }
  if (asked.encrypted) {
    if (*asked.encrypted != "true" && *asked.encrypted != "false")
      throw Failure{Exit::usage, "--encrypted: neither true nor false"};
    request.encrypted = *asked.encrypted == "true";
  }
  if (asked.name_mismatch) request.name_mismatch = true;
  request.who = asked.who;
  return request;
}

}  // namespace

int run_status(const Invocation& asked, Page& page) {
  Client client{asked.socket};
  output(asked.json).status(page, understood(status_from_json(client.call("io.tollgate.Status").parameters)));
  return 0;
}

int run_flows(const Invocation& asked, Page& page) {
  if (asked.by && asked.watch) throw Failure{Exit::usage, "--by and --watch do not go together"};
  if (asked.holders && (asked.by || asked.watch))
    throw Failure{Exit::usage, "--holders does not go together with --by and --watch"};
  boost::json::object parameters{{"filter", to_json(filter(asked))}};
  if (asked.holders) parameters["holders"] = true;
  Client client{asked.socket};
  if (asked.watch) {
    watch_flows(client, parameters, asked.json, page);
  } else {
    list_flows(client, parameters, asked, page);
  }
  return 0;
}

namespace {

int act(const Invocation& asked, const char* method, void (*show)(Page& page, const ActionCounts& counts),
        Page& page) {
  const FlowFilter selection = filter(asked);
  if (selection.empty() && !asked.all) {
    throw Failure{Exit::usage, "say which flows: by ID, by --destination, --rule, --user, …, or --all"};
  }
  if (asked.all && !selection.empty()) throw Failure{Exit::usage, "--all goes without anything that selects"};
  Client client{asked.socket};
  const VarlinkReply reply = client.call(method, {{"filter", to_json(selection)}, {"all", asked.all}});
  const ActionCounts counts = understood(counts_from_json(reply.parameters));
  show(page, counts);
  return static_cast<int>(counts.matched == 0 ? Exit::refused : Exit::done);
}

}  // namespace

int run_revoke(const Invocation& asked, Page& page) {
  return act(asked, "io.tollgate.Revoke", output(asked.json).revoked, page);
}

int run_kill(const Invocation& asked, Page& page) {
  return act(asked, "io.tollgate.Kill", output(asked.json).killed, page);
}

namespace {

int refused(const VarlinkReply& reply, bool json, Page& page) {
  const boost::json::value omitted = member(reply.parameters, "omitted");
  output(json).refused(page, understood(diagnostics_from_json(member(reply.parameters, "diagnostics"))),
                       omitted.is_number() ? omitted.to_number<std::uint64_t>() : 0);
  return static_cast<int>(Exit::refused);
}

Status::PolicyState policy_state(const VarlinkReply& reply) {
  return understood(policy_state_from_json(member(reply.parameters, "policy")));
}

// What stands behind the equals sign, as TOML would have it: 443 and true are no strings. Names are.
boost::json::value field_value(const std::string& key, const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  const bool digits =
      !text.empty() && text.size() < 19 && text.find_first_not_of("0123456789") == std::string::npos;
  if (digits && key != "name") return static_cast<std::int64_t>(std::stoll(text));
  return boost::json::value(text);  // in braces it would be an array
}

boost::json::object rule_of(const std::vector<std::string>& fields) {
  boost::json::object rule;
  for (const std::string& field : fields) {
    const std::size_t equals = field.find('=');
    if (equals == std::string::npos || equals == 0)
      throw Failure{Exit::usage, "\"" + field + "\" is not KEY=VALUE, like port=tcp/443"};
    const std::string key = field.substr(0, equals);
    boost::json::value value = field_value(key, field.substr(equals + 1));
    boost::json::value* before = rule.if_contains(key);
    if (before == nullptr) {
      rule[key] = std::move(value);
    } else {
      if (!before->is_array()) *before = boost::json::array{*before};
      before->get_array().push_back(std::move(value));
    }
  }
  return rule;
}

}  // namespace

int run_reload(const Invocation& asked, Page& page) {
  Client client{asked.socket};
  const VarlinkReply reply = client.call("io.tollgate.Reload");
  if (!reply.error.empty()) return refused(reply, asked.json, page);
  output(asked.json).reloaded(page, policy_state(reply));
  return 0;
}

int run_rule_add(const Invocation& asked, Page& page) {
  boost::json::object parameters{{"rule", rule_of(asked.fields)}};
  if (asked.lasts) parameters["for_seconds"] = static_cast<std::int64_t>(seconds("--for", *asked.lasts));
  Client client{asked.socket};
  const VarlinkReply reply = client.call("io.tollgate.AddRule", std::move(parameters));
  if (!reply.error.empty()) return refused(reply, asked.json, page);
  const boost::json::value name = member(reply.parameters, "name");
  output(asked.json)
      .rule_added(page, name.is_string() ? std::string{name.get_string()} : "", policy_state(reply));
  return 0;
}

int run_rule_list(const Invocation& asked, Page& page) {
  std::vector<RuleEntry> rules;
  Client client{asked.socket};
  client.stream("io.tollgate.GetRules", {}, [&](const boost::json::object& reply) {
    rules.push_back(understood(rule_from_json(member(reply, "rule"))));
  });
  output(asked.json).rules(page, rules);
  return 0;
}

int run_rule_remove(const Invocation& asked, Page& page) {
  Client client{asked.socket};
  const VarlinkReply reply = client.call("io.tollgate.RemoveRule", {{"name", asked.rule_name}});
  if (!reply.error.empty()) return refused(reply, asked.json, page);
  output(asked.json).rule_removed(page, asked.rule_name, policy_state(reply));
  return 0;
}

int run_explain(const Invocation& asked, Page& page) {
  const ExplainRequest request = explain_request(asked);
  if (asked.policy) {
    const PolicyPointer policy = policy_or_refuse(page, *asked.policy, all_features());
    output(asked.json).explanation(page, request, explain(*policy, request));
    return 0;
  }
  Client client{asked.socket};
  const VarlinkReply reply = client.call("io.tollgate.Explain", to_json(request).as_object());
  output(asked.json).explanation(page, request, understood(explanation_from_json(reply.parameters)));
  return 0;
}

}  // namespace tollgate::cli
