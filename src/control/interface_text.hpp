// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

namespace tollgate {

// The standard interface (varlink.org, Service), with the errors that later editions added.
inline constexpr std::string_view kServiceText =
    R"idl(# Every Varlink service has this interface: what the service is, and what it can be asked.
interface org.varlink.service

# Who made the service, and the interfaces that it has.
method GetInfo() -> (
  vendor: string,
  product: string,
  version: string,
  url: string,
  interfaces: []string
)

# The definition of one of these interfaces.
method GetInterfaceDescription(interface: string) -> (description: string)

# There is no such interface.
error InterfaceNotFound (interface: string)

# The interface has no such method.
error MethodNotFound (method: string)

# The interface has the method, this service does not.
error MethodNotImplemented (method: string)

# A parameter is missing, unknown, or has a value that makes no sense.
error InvalidParameter (parameter: string)

# The caller may not ask this.
error PermissionDenied ()

# The method answers with several replies: call it with "more".
error ExpectedMore ()
)idl";

inline constexpr std::string_view kTollgateText =
    R"idl(# The tollgate daemon: what it does to which connection, and why.
#
# Root, the daemon's user and members of the control group may ask everything. Everybody else may
# call ListFlows and WatchFlows and sees the flows whose socket is their own. Times are seconds
# since 1970-01-01 UTC.
interface io.tollgate

type Direction (outbound, inbound, forward)

type FlowState (pending, inspecting, active, ended)

type PolicyState (
  # Counts the policies that were in force since start.
  generation: int,
  rules: int,
  # When it was loaded.
  loaded: float
)

type FlowCounts (
  active: int,
  ended: int,
  pending: int,
  limit: int,
  evicted: int,
  # Were there before the daemon, or came without its being asked.
  adopted: int,
  # That were accepted until their first bytes had told.
  inspected: int,
  # Of the configured idle times that is in force; below 100 while the table is full.
  idle_percent: int
)

type ConntrackState (
  # Of its table; none when the kernel does not say.
  entries: ?int,
  limit: ?int,
  # Packets for which there was no room.
  dropped: int,
  # Packets that met the rule for INVALID since it was loaded; none when that cannot be read.
  invalid: ?int,
  # Packets that somebody has exempted from conntrack: each of them is asked about. None in the same case.
  untracked: ?int,
  events: int,
  # How often its whole table was read since start, because events were lost.
  resyncs: int
)

type SocketCounts (
  # Local sockets that were closed.
  events: int,
  # Closed by the daemon.
  destroyed: int,
  # Whose new flows the kernel carries unasked, now.
  authorized: int
)

type QueueCounts (
  received: int,
  # Packets by verdict.
  verdicts: [string]int,
  # The kernel's queue was full.
  kernel_dropped: int,
  # The daemon's socket was full.
  user_dropped: int,
  # How often the kernel said so.
  enobufs: int,
  pending_packets: int
)

# How the owners of flows are found.
type Attribution (
  # auto, proc or off.
  lookup: string,
  # The eBPF programs: empty where one runs, else why it does not.
  programs: [string]string,
  # Flows by how their owner is known, and by why it is not.
  found: [string]int,
  not_found: [string]int,
  # That are known.
  processes: int,
  # That eBPF could not tell of, for want of room.
  lost: int,
  # What its tables have forgotten to make room, at least: sockets, tuples, programs.
  forgotten: [string]int
)

# What is known of names.
type NameCounts (
  # Whether copies of DNS that the kernel carries come up.
  dns: bool,
  # Packets that were copied, and how often copies were lost.
  copies: int,
  lost: int,
  questions: int,
  # That fit a question.
  answers: int,
  # That nobody had asked for: nothing was learned from them.
  unasked: int,
  # Messages that break the rules, from some point on.
  malformed: int,
  # Addresses of answers.
  learned: int,
  # Names of addresses, now, and how many went to make room.
  held: int,
  evicted: int
)

type LogCounts (
  written: int,
  suppressed: int
)

# Whose a connection is. Texts are empty where there is nothing to tell.
type Process (
  # 0: only its group is known, or it is the kernel.
  pid: int,
  # "kernel" for the kernel's own sockets.
  path: string,
  # The file has no name any more.
  deleted: bool,
  name: string,
  command: string,
  directory: string,
  # What an interpreter runs.
  script: string,
  # Effective.
  uid: ?int,
  gid: ?int,
  # Paths, the nearest first.
  parents: []string,
  # Path in the cgroup v2 hierarchy, and what the names in it mean.
  cgroup: string,
  unit: string,
  slice: string,
  session: string,
  container: string,
  app: string,
  # SHA-256 of the program, when a rule asks for it.
  sha256: string,
  # How it is known: ebpf, sock_diag+proc, kernel; of forwarded connections: netns, tap.
  source: string
)

# One of those that hold a connection's socket.
type Holder (
  pid: int,
  # Of the process and of its program; empty when they are not known.
  name: string,
  path: string
)

# One connection, named in the direction of its first packet.
type Flow (
  id: int,
  # tcp, udp, icmp, …; the number where it has no name.
  protocol: string,
  direction: Direction,
  source: string,
  source_port: int,
  destination: string,
  destination_port: int,
  # Of ICMP flows only; their ports are 0.
  icmp_id: ?int,
  icmp_type: ?int,
  icmp_code: ?int,
  # Empty when it is not known.
  interface: string,
  uid: ?int,
  process: ?Process,
  # Why there is no process; empty while it is looked for.
  process_unknown: string,
  # All who hold its socket now (fork, a passed descriptor, socket activation), the eldest first; at most 64, the
  # others counted. None when they were not asked for, and when it has no socket on this machine.
  holders: ?[]Holder,
  holders_omitted: int,
  # Some processes may not be looked at: others may hold it too.
  holders_hidden: bool,
  # accept, block, drop, permanent-accept, permanent-block, permanent-drop, reroute-nameserver or
  # reroute-tunnel; none while the first decision is pending.
  verdict: ?string,
  # The rule that gave the verdict; empty when none did.
  rule: string,
  stage: string,
  reason: string,
  # When it was decided again: policy, rule, expired, arrival, completion, revoked, killed, restart or resync; and the
  # verdict before. Empty and none when it never was.
  cause: string,
  old_verdict: ?string,
  state: FlowState,
  # It was there before the daemon.
  adopted: bool,
  first_seen: float,
  last_active: float,
  # Of the policy that gave the verdict.
  generation: int,
  packets: int,
  bytes: int,
  # For whom it was meant: lower case, IDNA in its ASCII form.
  domain: ?string,
  # Where that name was seen: dns, mdns, llmnr, tls-sni, quic-sni or http-host.
  domain_source: ?string,
  # It asked for a name under which its address was not resolved.
  name_mismatch: bool,
  # The server name in TLS, DTLS or QUIC, and the protocols offered there.
  sni: ?string,
  alpn: []string,
  # What its first bytes speak: tls, dtls, quic, http, http2, ssh, wireguard, dns, mdns, llmnr, smtp,
  # imap, pop3, xmpp or postgresql.
  protocol_seen: ?string,
  # None before there was anything to judge by, or when nobody looked.
  encrypted: ?bool
)

# What is given must fit; what is not given fits every flow.
type Filter (
  # Any of these, at most 1000.
  ids: ?[]int,
  protocol: ?string,
  direction: ?Direction,
  verdict: ?string,
  state: ?FlowState,
  rule: ?string,
  # Either end: an address, or a network like 10.0.0.0/8.
  address: ?string,
  # Either end.
  port: ?int,
  # Whom the first packet went to: an address or a network; a port.
  destination: ?string,
  destination_port: ?int,
  uid: ?int,
  pid: ?int,
  # Patterns with * and ?. What is not known fits none; the process "unknown" fits just that. A parent is
  # any ancestor.
  process: ?string,
  command: ?string,
  parent: ?string,
  script: ?string,
  unit: ?string,
  slice: ?string,
  session: ?string,
  cgroup: ?string,
  container: ?string,
  app: ?string,
  sha256: ?string
)

type TriedRule (
  rule: string,
  file: string,
  line: int,
  match: (yes, no, unknown),
  why: string
)

type Rule (
  name: string,
  file: string,
  line: int,
  verdict: string,
  # The earliest stage at which the rule can decide.
  stage: string,
  # A file of the policy, or AddRule.
  origin: (file, added),
  # From then on it is none.
  expires: ?float,
  # Decisions that it made since start, or since it came. None when another policy took its place
  # meanwhile.
  hits: ?int
)

# Line and column count from 1; 0 stands for the whole file.
type Diagnostic (
  file: string,
  line: int,
  column: int,
  message: string
)

# How the daemon is.
method Status() -> (
  version: string,
  uptime_seconds: float,
  backend: string,
  mark_path: string,
  fail: string,
  policy: PolicyState,
  flows: FlowCounts,
  queue: QueueCounts,
  conntrack: ConntrackState,
  sockets: SocketCounts,
  # What this kernel lacks, and what is lost by it.
  lacking: []string,
  # Packets that could not be read, by reason.
  malformed: [string]int,
  # Packets by the reason for their verdict.
  reasons: [string]int,
  log: LogCounts,
  attribution: Attribution,
  names: NameCounts,
  # What the daemon's nameserver was asked, by what came of it; empty while it is disabled.
  nameserver: [string]int,
  # What went wrong and was survived, by name.
  errors: [string]int
)

# The flows, one a reply; a single reply without a flow when there is none. Needs "more".
method ListFlows(
  filter: ?Filter,
  # Every process is looked at once for who holds their sockets.
  holders: ?bool
) -> (flow: ?Flow)

# The present flows (present), one a reply, then one reply without a flow (listed), then every
# change, until the caller closes the connection. A flow's change may come before its being listed:
# each reply has the flow as it is then. A caller that does not read is disconnected. Needs "more".
method WatchFlows(filter: ?Filter) -> (
  change: (present, listed, opened, decided, ended, removed),
  flow: ?Flow
)

# Loads the policy anew. When it is refused, the old one stays in force.
method Reload() -> (policy: PolicyState)

# What the policy says to such a flow: the rules tried, in order, up to the one that decides.
# For ICMP destination_port is type * 256 + code.
method Explain(
  direction: Direction,
  protocol: string,
  source: string,
  destination: string,
  source_port: ?int,
  destination_port: ?int,
  interface: ?string,
  uid: ?int,
  gid: ?int,
  # The name that it is meant for, in any form; name_source is one of FlowInfo's domain_source, or else dns.
  domain: ?string,
  name_source: ?string,
  # What its first bytes say; without any of it they are still to come. protocol_seen is one of FlowInfo's; with
  # a name or ALPN it is tls unless it is given. encrypted is what that protocol is.
  sni: ?string,
  alpn: ?[]string,
  protocol_seen: ?string,
  encrypted: ?bool,
  name_mismatch: ?bool,
  # Of the process; where none is given, nothing is known of it. A parent is any ancestor.
  process: ?string,
  command: ?string,
  parent: ?string,
  script: ?string,
  unit: ?string,
  slice: ?string,
  session: ?string,
  cgroup: ?string,
  container: ?string,
  app: ?string,
  sha256: ?string
) -> (
  tried: []TriedRule,
  verdict: string,
  rule: string,
  stage: string,
  reason: string
)

# The rules in force, in order, one a reply; a single reply without a rule when there is none. Needs
# "more".
method GetRules() -> (rule: ?Rule)

# Adds a rule before all others; it stays over reloads and restarts until it expires or is removed.
# Flows that it concerns are decided again. The policy that it makes is refused whole or in force when
# this returns.
method AddRule(
  # The fields of a [[rule]] in the policy's language: strings, whole numbers, true, false, arrays of these;
  # expires as a string like "2030-01-31T18:00:00Z". Without a name it gets one.
  rule: object,
  # For how long, instead of expires: 1 to 315360000 seconds.
  for_seconds: ?int
) -> (
  name: string,
  policy: PolicyState
)

# Removes a rule that AddRule has added. Flows that it decided are decided again.
method RemoveRule(name: string) -> (policy: PolicyState)

# Takes decisions back: each flow that the filter fits is asked again at its next packet. A filter has
# to be given, or all for every flow.
method Revoke(filter: ?Filter, all: ?bool) -> (
  # Flows that the filter fits.
  matched: int,
  # Of them: taken back.
  changed: int,
  # Always 0.
  waiting: int,
  # Ended, or still waiting for their first decision.
  untouched: int,
  # Entries of conntrack that were written; that it had no more.
  marks_set: int,
  marks_gone: int,
  # Always 0.
  sockets_destroyed: int,
  sockets_gone: int,
  # What the kernel refused.
  failed: int
)

# Cuts flows: each that the filter fits is blocked and torn down, both ends hear of it, and a new
# connection is asked about as ever. A filter has to be given, or all for every flow.
method Kill(filter: ?Filter, all: ?bool) -> (
  matched: int,
  # Of the matched: cut.
  changed: int,
  # Of these: had still waited for their first decision.
  waiting: int,
  # Ended, or cut already.
  untouched: int,
  marks_set: int,
  marks_gone: int,
  # Local sockets of TCP flows that were closed; that were gone before.
  sockets_destroyed: int,
  sockets_gone: int,
  failed: int
)

# The policy has errors, or what was asked would give it one. Of very many only the first are listed, the
# others counted.
error PolicyRefused (diagnostics: []Diagnostic, omitted: int)
)idl";

}  // namespace tollgate
