// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tollgate/control/messages.hpp"

// Messages with every member different from its initial value.
namespace tollgate::samples {

inline Status status() {
  Status status;
  status.version = "0.1.0";
  status.uptime_seconds = 12.5;
  status.backend = "nft";
  status.mark_path = "conntrack";
  status.fail = "closed";
  status.policy = {3, 17, 1700000000.25};
  status.flows = {11, 2, 1, 262144, 4, 6, 9, 50};
  status.queue = {100, {{"accept", 90}, {"permanent-drop", 10}}, 1, 2, 3, 5};
  status.conntrack = {300, 65536, 1, 13, 14, 400, 2};
  status.sockets = {500, 3, 4};
  status.lacking = {"SOCK_DESTROY: programs hear of a cut by the next packet"};
  status.malformed = {{"truncated", 0}, {"version", 6}};
  status.reasons = {{"rule", 80}};
  status.log = {70, 7};
  status.attribution = {"auto",
                        {{"tollgate_tcp", ""}, {"tollgate_accept", "Operation not permitted"}},
                        {{"ebpf", 5}},
                        {{"not found in time", 1}},
                        4,
                        2,
                        {{"sockets", 9}, {"tuples", 0}}};
  status.names = {true, 20, 1, 21, 22, 23, 24, 25, 26, 27};
  status.nameserver = {{"queries", 9}, {"answered", 8}};
  status.errors = {{"verdict", 1}};
  return status;
}

inline ProcessEntry process() {
  ProcessEntry process;
  process.pid = 4711;
  process.path = "/usr/bin/python3";
  process.deleted = true;
  process.name = "python3";
  process.command = "python3 run.py";
  process.directory = "/opt";
  process.script = "/opt/run.py";
  process.uid = 1000;
  process.gid = 100;
  process.parents = {"/usr/bin/bash", "/usr/lib/systemd/systemd"};
  process.cgroup = "/system.slice/run.service";
  process.unit = "run.service";
  process.slice = "system.slice";
  process.session = "3";
  process.container = "docker:0123456789ab";
  process.app = "snap:run";
  process.sha256 = std::string(64, 'a');
  process.source = "ebpf";
  return process;
}

inline FlowEntry flow() {
  FlowEntry flow;
  flow.id = 42;
  flow.protocol = "tcp";
  flow.direction = "outbound";
  flow.source = "10.0.0.1";
  flow.source_port = 4711;
  flow.destination = "2001:db8::1";
  flow.destination_port = 443;
  flow.interface = "eth0";
  flow.uid = 1000;
  flow.process = process();
  flow.holders = {{1, "systemd", "/usr/lib/systemd/systemd"}, {7, "run", ""}};
  flow.holders_omitted = 2;
  flow.holders_hidden = true;
  flow.verdict = "permanent-accept";
  flow.rule = "web";
  flow.stage = "link";
  flow.reason = "rule";
  flow.cause = "policy";
  flow.old_verdict = "permanent-block";
  flow.state = "active";
  flow.adopted = true;
  flow.first_seen = 1700000000.5;
  flow.last_active = 1700000001.5;
  flow.generation = 3;
  flow.packets = 10;
  flow.bytes = 12345678901;
  flow.domain = "www.example.org";
  flow.domain_source = "dns";
  flow.name_mismatch = true;
  flow.sni = "other.example.org";
  flow.alpn = {"h2", "http/1.1"};
  flow.protocol_seen = "tls";
  flow.encrypted = true;
  return flow;
}

inline FlowEntry pending_flow() {
  FlowEntry flow;
  flow.id = 43;
  flow.protocol = "icmp";
  flow.direction = "inbound";
  flow.source = "10.0.0.2";
  flow.destination = "10.0.0.1";
  flow.icmp_id = 77;
  flow.icmp_type = 8;
  flow.icmp_code = 0;
  flow.process_unknown = "no such socket any more";
  flow.stage = "none";
  flow.state = "pending";
  flow.first_seen = flow.last_active = 1700000002;
  flow.generation = 3;
  return flow;
}

inline FlowFilter filter() {
  FlowFilter filter;
  filter.ids = {41, 42};
  filter.protocol = "tcp";
  filter.direction = "outbound";
  filter.verdict = "permanent-accept";
  filter.state = "active";
  filter.rule = "web";
  filter.address = "10.0.0.0/8";
  filter.port = 443;
  filter.destination = "2001:db8::/32";
  filter.destination_port = 443;
  filter.uid = 1000;
  filter.pid = 4711;
  filter.who[ProcessField::process] = "/usr/bin/python*";
  filter.who[ProcessField::script] = "/opt/*";
  filter.who[ProcessField::unit] = "run.service";
  filter.who[ProcessField::cgroup] = "/system.slice/*";
  filter.who[ProcessField::container] = "docker:*";
  filter.who[ProcessField::app] = "snap:run";
  filter.who[ProcessField::parent] = "*/systemd";
  filter.who[ProcessField::sha256] = std::string(64, 'a');
  return filter;
}

inline ActionCounts counts() { return {9, 8, 7, 1, 6, 5, 4, 3, 2}; }

inline ExplainRequest explain_request() {
  ExplainRequest request;
  request.direction = Direction::inbound;
  request.protocol = Protocol::udp;
  request.source = *IpAddress::parse("10.0.0.1");
  request.destination = *IpAddress::parse("10.0.0.2");
  request.source_port = 1;
  request.destination_port = 53;
  request.interface = "eth0";
  request.uid = 5;
  request.gid = 6;
  request.domain = "x.org";
  request.name_source = "tls-sni";
  request.sni = "y.org";
  request.alpn = {"h3"};
  request.protocol_seen = "quic";
  request.encrypted = false;
  request.name_mismatch = true;
  request.who[ProcessField::process] = "/usr/bin/curl";
  request.who[ProcessField::command] = "curl x";
  request.who[ProcessField::parent] = "/usr/bin/bash";
  request.who[ProcessField::script] = "/x";
  request.who[ProcessField::unit] = "a.service";
  request.who[ProcessField::slice] = "a.slice";
  request.who[ProcessField::session] = "3";
  request.who[ProcessField::cgroup] = "/a";
  request.who[ProcessField::container] = "lxc:a";
  request.who[ProcessField::app] = "snap:a";
  request.who[ProcessField::sha256] = std::string(64, 'a');
  return request;
}

inline Explanation explanation() {
  Explanation explanation;
  explanation.tried = {{"no web", "a.toml", 3, "no", "port 53 is not 443"},
                       {"dns", "a.toml", 9, "yes", "matches"}};
  explanation.verdict = "permanent-accept";
  explanation.rule = "dns";
  explanation.stage = "link";
  explanation.reason = "rule";
  return explanation;
}

}  // namespace tollgate::samples
