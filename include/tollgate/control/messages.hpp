// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tollgate/base/diagnostic.hpp"
#include "tollgate/base/ip.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/flow/verdict.hpp"
#include "tollgate/process/process_texts.hpp"
#include "tollgate/wire/protocol.hpp"

namespace tollgate {

// What goes over the control socket, as values. to_json gives exactly the members that the Varlink
// interface description (control/interface.hpp) promises, null for what is absent.

struct Status {
  std::string version;
  double uptime_seconds = 0;
  std::string backend;    // "nft", "iptables", "none"
  std::string mark_path;  // "conntrack", "packet"
  std::string fail;       // "open", "closed"
  struct PolicyState {
    std::uint32_t generation = 0;
    std::uint64_t rules = 0;
    double loaded = 0;  // Unix seconds
  } policy;
  struct Flows {
    std::uint64_t active = 0, ended = 0, pending = 0, limit = 0, evicted = 0;
    std::uint64_t adopted = 0;         // were there before the daemon, or came without being asked about
    std::uint64_t inspected = 0;       // were accepted until their first bytes had told
    std::uint64_t idle_percent = 100;  // of the idle times that are in force; less when the table fills
  } flows;
  struct Queue {
    std::uint64_t received = 0;
    std::map<std::string, std::uint64_t> verdicts;  // every verdict's word
    std::uint64_t kernel_dropped = 0;  // the queue was full (/proc/net/netfilter/nfnetlink_queue)
    std::uint64_t user_dropped = 0;    // our socket was full (same file)
    std::uint64_t enobufs = 0;         // times that the kernel told us so
    std::uint64_t pending_packets = 0;
  } queue;
  struct ConntrackState {
    std::optional<std::uint64_t> entries, limit;  // of its table; none when the kernel does not say
    std::uint64_t dropped = 0;                    // packets for which it had no room
    std::optional<std::uint64_t> invalid;    // packets that met the rule for INVALID; none: not to be read
    std::optional<std::uint64_t> untracked;  // packets that somebody exempted from conntrack; the same
    std::uint64_t events = 0;
    std::uint64_t resyncs = 0;  // times that its whole table was read after start
  } conntrack;
  struct Sockets {
    std::uint64_t events = 0;      // local sockets that were closed
    std::uint64_t destroyed = 0;   // by us
    std::uint64_t authorized = 0;  // whose new flows nobody is asked about, now
  } sockets;
  std::vector<std::string> lacking;                // what this kernel lacks, and what is lost by it
  std::map<std::string, std::uint64_t> malformed;  // by reason; those that are 0 too
  std::map<std::string, std::uint64_t> reasons;    // packets by why they got their verdict
  struct Log {
    std::uint64_t written = 0, suppressed = 0;
  } log;
  struct Attribution {
    std::string lookup;  // "auto", "proc", "off"
    // The eBPF programs by name: "" where one runs, else why it does not. Empty: none are there.
    std::map<std::string, std::string> programs;
    std::map<std::string, std::uint64_t> found;      // flows by how their owner is known
    std::map<std::string, std::uint64_t> not_found;  // flows by why it is not
    std::uint64_t processes = 0;                     // that are known
    std::uint64_t lost = 0;                          // that eBPF could not tell of: no room
    // What eBPF's tables have forgotten to make room, at least: "sockets", "tuples", "programs".
    std::map<std::string, std::uint64_t> forgotten;
  } attribution;
  struct Names {
    bool dns = false;             // names.dns: copies of what the kernel carries come up
    std::uint64_t copies = 0;     // of packets
    std::uint64_t lost = 0;       // times that copies were lost
    std::uint64_t questions = 0;  // seen in queries
    std::uint64_t answers = 0;    // that fit a question
    // Answers of which nothing was learned: nobody had asked; messages that break DNS's rules.
    std::uint64_t unasked = 0, malformed = 0;
    std::uint64_t learned = 0;  // addresses of answers
    std::uint64_t held = 0;     // names of addresses, of programs and of the machine, now
    std::uint64_t evicted = 0;  // names that went to make room
  } names;
  std::map<std::string, std::uint64_t> nameserver;  // what it was asked, by what came of it; empty: disabled
  std::map<std::string, std::uint64_t> errors;      // what went wrong and was survived, by name
};

// Whose a flow is. Texts are "" where there is nothing to tell.
struct ProcessEntry {
  std::uint32_t pid = 0;  // 0: only its group is known, or it is the kernel
  std::string path;       // "kernel" for the kernel's own sockets
  bool deleted = false;   // the file has no name any more
  std::string name, command, directory, script;
  std::optional<std::uint32_t> uid, gid;  // effective
  std::vector<std::string> parents;       // paths, the nearest first
  std::string cgroup, unit, slice, session, container, app;
  std::string sha256;  // of the program, when a rule asks for it
  std::string source;  // how it is known: "ebpf", "sock_diag+proc", "kernel", "netns", "tap"
};

// One of those that hold a flow's socket.
struct HolderEntry {
  std::uint32_t pid = 0;
  std::string name, path;  // "" when not known
};
inline constexpr std::size_t kMostHolders = 64;  // that are listed of a flow

// The texts of a ProcessEntry by field: the member that has it, null of `parent`, which has several.
inline constexpr std::array<std::string ProcessEntry::*, kProcessFields> kEntryTexts = {
    &ProcessEntry::path,    &ProcessEntry::command, nullptr,
    &ProcessEntry::script,  &ProcessEntry::unit,    &ProcessEntry::slice,
    &ProcessEntry::session, &ProcessEntry::cgroup,  &ProcessEntry::container,
    &ProcessEntry::app,     &ProcessEntry::sha256};

// One flow as people and programs see it (`flows`, `replay`).
struct FlowEntry {
  std::uint64_t id = 0;
  std::string protocol, direction;
  std::string source;
  std::uint16_t source_port = 0;
  std::string destination;
  std::uint16_t destination_port = 0;
  std::optional<std::uint16_t> icmp_id;  // ICMP flows: then the ports are 0
  std::optional<std::uint8_t> icmp_type, icmp_code;
  std::string interface;  // "" when not known
  std::optional<std::uint32_t> uid;
  std::optional<ProcessEntry> process;
  std::string process_unknown;  // why there is none; "" while it is looked for
  // Who holds its socket now; the eldest first, at most kMostHolders. None when nobody asked for them, and
  // when the flow has no socket here (any more).
  std::optional<std::vector<HolderEntry>> holders;
  std::uint64_t holders_omitted = 0;   // past kMostHolders
  bool holders_hidden = false;         // some processes may not be looked at: there may be others
  std::optional<std::string> verdict;  // none while the first decision is pending
  std::string rule;                    // "" when none decided
  std::string stage;
  std::string reason;
  // When it was decided again: why, and the verdict before; "" and none when it never was.
  std::string cause;
  std::optional<std::string> old_verdict;
  std::string state;  // "pending" "inspecting" "active" "ended"
  bool adopted = false;
  double first_seen = 0;  // Unix seconds
  double last_active = 0;
  std::uint32_t generation = 0;
  std::uint64_t packets = 0, bytes = 0;
  std::optional<std::string> domain;         // canonical: lower case, IDNA in its ASCII form
  std::optional<std::string> domain_source;  // "dns", "mdns", "llmnr", "tls-sni", "quic-sni", "http-host"
  bool name_mismatch = false;                // it asked for a name that is none of its address's
  std::optional<std::string> sni;            // of TLS, DTLS or QUIC
  std::vector<std::string> alpn;
  std::optional<std::string> protocol_seen;  // "tls", "quic", "http", "ssh", …
  std::optional<bool> encrypted;             // none before the first payload, or when nobody looked
};

struct FlowEvent {
  // "present" (was there when the watching began), "opened", "decided", "ended", "removed". `flow`
  // is how the flow is then: a watcher may simply replace what it knew.
  std::string change;
  FlowEntry flow;
};

// Empty fields match every flow.
struct FlowFilter {
  std::optional<std::vector<std::uint64_t>> ids;  // any of these; at most kMostIds
  std::optional<std::string> protocol, direction, verdict, state, rule;
  std::optional<std::string> address;  // either end; an address or a network
  std::optional<std::uint16_t> port;   // either end
  std::optional<std::string> destination;
  std::optional<std::uint16_t> destination_port;
  std::optional<std::uint32_t> uid;
  // Globs, but for the pid. What is not known fits none; process = "unknown" fits just that. A parent is
  // any ancestor.
  std::optional<std::uint32_t> pid;
  ProcessTexts who;
  bool matches(const FlowEntry& flow) const;
  bool empty() const { return *this == FlowFilter{}; }
  friend bool operator==(const FlowFilter&, const FlowFilter&) = default;
};
inline constexpr std::size_t kMostIds = 1000;

// What Revoke and Kill did, in numbers.
struct ActionCounts {
  std::uint64_t matched = 0;            // flows that the filter fits
  std::uint64_t changed = 0;            // of them: taken back, or cut
  std::uint64_t waiting = 0;            // of those: still waited for their first decision (Kill)
  std::uint64_t untouched = 0;          // ended, cut already, or still waiting (Revoke)
  std::uint64_t marks_set = 0;          // entries of conntrack whose mark was written
  std::uint64_t marks_gone = 0;         // … that conntrack had no more
  std::uint64_t sockets_destroyed = 0;  // local sockets
  std::uint64_t sockets_gone = 0;       // … that were closed already
  std::uint64_t failed = 0;             // marks and sockets that the kernel refused
  ActionCounts& operator+=(const ActionCounts& more);
  friend bool operator==(const ActionCounts&, const ActionCounts&) = default;
};

struct ExplainRequest {
  Direction direction = Direction::outbound;
  Protocol protocol = Protocol::tcp;
  IpAddress source, destination;
  std::uint16_t source_port = 0, destination_port = 0;
  std::string interface;  // "" empty
  std::optional<std::uint32_t> uid, gid;
  std::string domain;       // canonical; "" empty
  std::string name_source;  // of the domain; "" is "dns"
  // What its first bytes say. None of it given: they are still to come.
  std::string sni;
  std::vector<std::string> alpn;
  std::string protocol_seen;      // "" is "tls" with sni or alpn
  std::optional<bool> encrypted;  // else as protocol_seen has it
  std::optional<bool> name_mismatch;
  // Of the process; where none is given, nothing is known of it.
  ProcessTexts who;
};

// One rule of the policy in force.
struct RuleEntry {
  std::string name, file;
  std::uint32_t line = 0;
  std::string verdict, stage;
  std::string origin;                 // "file", "added"
  std::optional<double> expires;      // Unix seconds
  std::optional<std::uint64_t> hits;  // decisions that it made; none when the policy has changed meanwhile
};

struct Explanation {
  struct Tried {
    std::string rule, file;
    std::uint32_t line = 0;
    std::string match;  // "yes" "no" "unknown"
    std::string why;
  };
  std::vector<Tried> tried;  // in order, up to the one that decides
  std::string verdict;
  std::string rule;  // "" when the default decided
  std::string stage;
  std::string reason;
};

boost::json::value to_json(const Status& status);
boost::json::value to_json(const FlowEntry& flow);
boost::json::value to_json(const FlowEvent& event);
boost::json::value to_json(const FlowFilter& filter);
boost::json::value to_json(const ActionCounts& counts);
boost::json::value to_json(const ExplainRequest& request);
boost::json::value to_json(const Explanation& explanation);
boost::json::value to_json(const RuleEntry& rule);
boost::json::value to_json(const Diagnostic& diagnostic);
boost::json::value to_json(const Diagnostics& diagnostics);  // an array

// What somebody asks: members that the interface does not have are refused, and values that make no
// sense. The error names the member: "port: not a whole number from 0 to 65535".
Result<FlowFilter, std::string> filter_from_json(const boost::json::value& value);
Result<ExplainRequest, std::string> explain_from_json(const boost::json::value& value);

// What a daemon answers: members that we do not know are those of a newer one, and ignored.
Result<Status, std::string> status_from_json(const boost::json::value& value);
Result<Status::PolicyState, std::string> policy_state_from_json(const boost::json::value& value);
Result<FlowEntry, std::string> flow_from_json(const boost::json::value& value);
Result<FlowEvent, std::string> event_from_json(const boost::json::value& value);
Result<ActionCounts, std::string> counts_from_json(const boost::json::value& value);
Result<Explanation, std::string> explanation_from_json(const boost::json::value& value);
Result<RuleEntry, std::string> rule_from_json(const boost::json::value& value);
Result<Diagnostics, std::string> diagnostics_from_json(const boost::json::value& value);

}  // namespace tollgate
