// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tollgate/base/diagnostic.hpp"
#include "tollgate/base/ip.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/base/time.hpp"
#include "tollgate/config/nameserver_options.hpp"
#include "tollgate/flow/flow_table.hpp"
#include "tollgate/flow/verdict.hpp"
#include "tollgate/process/script.hpp"

namespace tollgate {

enum class Backend : std::uint8_t { automatic, nft, iptables };       // "auto" "nft" "iptables"
enum class MarkPath : std::uint8_t { automatic, conntrack, packet };  // "auto" "conntrack" "packet"
enum class FailMode : std::uint8_t { open, closed };
enum class InvalidHandling : std::uint8_t { pass, drop };
enum class LoopbackHandling : std::uint8_t { exempt, decide };
enum class RulesetHandling : std::uint8_t { apply, none };
enum class AtStop : std::uint8_t { remove, keep };
// Whether packets of a protocol without connections are decided one by one or as flows.
enum class FlowHandling : std::uint8_t { packet, flow };
enum class IcmpErrors : std::uint8_t { follow, decide };
enum class RelatedHandling : std::uint8_t { inherit, decide };
enum class ArrivalInterface : std::uint8_t { ignore, reauthorize };
enum class MulticastAnswers : std::uint8_t { window, decide };
// How the daemon hears that TCP connections end which the kernel carries.
enum class TcpEnds : std::uint8_t { nflog, conntrack };
enum class AskAgain : std::uint8_t { keep, block };
// How it is found out whose a flow is: by eBPF where the kernel lets us, by /proc alone, not at all.
enum class ProcessLookup : std::uint8_t { automatic, proc, off };
std::string_view to_string(Backend value);
std::string_view to_string(MarkPath value);
std::string_view to_string(FailMode value);
std::string_view to_string(InvalidHandling value);
std::string_view to_string(LoopbackHandling value);
std::string_view to_string(RulesetHandling value);
std::string_view to_string(AtStop value);
std::string_view to_string(FlowHandling value);
std::string_view to_string(IcmpErrors value);
std::string_view to_string(RelatedHandling value);
std::string_view to_string(ArrivalInterface value);
std::string_view to_string(MulticastAnswers value);
std::string_view to_string(AskAgain value);
std::string_view to_string(ProcessLookup value);
std::string_view to_string(TcpEnds value);

// The highest queue.number: kQueueCount (ruleset/queue_layout.hpp) numbers from there end at 65535.
inline constexpr std::uint16_t kMostQueueNumber = 65530;

// The highest queue.nflog_group: the one after it is used as well.
inline constexpr std::uint16_t kMostNflogGroup = 65534;

// Where a reroute verdict delivers to. A family without an address is not rerouted: a policy that
// asks for it is told so at the packet (block, counted).
struct RerouteTarget {
  std::optional<IpAddress> address4;
  std::optional<IpAddress> address6;
  std::uint16_t port = 0;
  bool configured() const { return address4 || address6; }
  friend bool operator==(const RerouteTarget&, const RerouteTarget&) = default;
};

// /etc/tollgate/tollgate.toml (DESIGN.md §8; every key in docs/configuration.md). The initial values
// are the defaults. Sizes are bytes, counts are counts, durations are "250ms", "15s", "10m", "1h" or
// whole seconds in the file. Paths are absolute once parsed (relative ones: relative to the file).
struct Config {
  std::string policy = "/etc/tollgate/policy.d";
  std::string socket = "/run/tollgate/tollgate.sock";
  std::string socket_group = "tollgate";  // may change things, like root; need not exist
  std::string state = "/var/lib/tollgate";
  RulesetHandling ruleset = RulesetHandling::apply;
  AtStop at_stop = AtStop::remove;  // what becomes of the rules when the daemon stops
  Backend backend = Backend::automatic;
  MarkPath mark_path = MarkPath::automatic;
  FailMode fail = FailMode::closed;
  bool forward = false;           // FORWARD is ours too
  bool reroute_arriving = false;  // PREROUTING asks too, so that arriving flows can be rerouted
  InvalidHandling invalid = InvalidHandling::drop;
  bool log_invalid = false;          // the kernel logs them, at most 10 a minute
  Verdict unparsed = Verdict::drop;  // accept, block or drop
  LoopbackHandling loopback = LoopbackHandling::exempt;
  FlowHandling icmp = FlowHandling::packet;            // ICMP and ICMPv6 but their errors
  IcmpErrors icmp_errors = IcmpErrors::follow;         // the flow that they quote, or policy
  FlowHandling other = FlowHandling::packet;           // neither TCP, UDP nor ICMP
  RelatedHandling related = RelatedHandling::inherit;  // connections that a helper expects
  ArrivalInterface arrival_interface = ArrivalInterface::ignore;
  MulticastAnswers multicast_answers = MulticastAnswers::window;

  struct Queue {
    std::uint16_t number = 4200;            // the first of kQueueCount (queue_layout.hpp)
    std::uint32_t max_length = 4096;        // packets that may wait, per queue
    std::uint32_t copy_range = 192;         // bytes of an undecided first packet, 128..65535
    std::uint32_t socket_buffer = 8 << 20;  // SO_RCVBUFFORCE
    // Of copies of segments that end connections (TcpEnds::nflog); the next one is for names.dns.
    std::uint16_t nflog_group = 4200;
    friend bool operator==(const Queue&, const Queue&) = default;
  } queue;

  // The field of the mark that is ours: at least four adjacent bits; we use the lowest four.
  std::uint32_t mark_mask = 0x0f000000;
  // The field of the ct mark that says by which interface a flow was accepted, in use while
  // arrival_interface is `reauthorize`: 1 to 16 adjacent bits beside the other field.
  std::uint32_t interface_mask = 0x00000ff0;

  struct Flow {
    std::uint32_t max_flows = 262'144;
    Duration end_linger = std::chrono::minutes{1};
    Duration idle_timeout = std::chrono::minutes{10};  // TCP and others
    Duration udp_idle_timeout = std::chrono::minutes{10};
    Duration icmp_idle_timeout = std::chrono::seconds{60};
    std::vector<IdleTime> idle_times;  // of other single protocols, at most kMaxIdleTimes
    // Percent of max_flows → percent of the idle times; ascending, at most kMaxPressureSteps.
    std::vector<PressureStep> pressure = FlowLimits{}.pressure;
    // How long unicast answers to a multicast or broadcast packet are let in.
    Duration answer_window = std::chrono::seconds{3};
    TcpEnds tcp_ends = TcpEnds::nflog;
    friend bool operator==(const Flow&, const Flow&) = default;
  } flow;

  struct Pending {
    std::uint32_t max_packets = 1024;  // that wait, in all; below queue.max_length
    std::uint32_t max_packets_per_flow = 4;
    Duration deadline = std::chrono::seconds{15};
    Verdict on_deadline = Verdict::block;          // accept, block or drop
    Verdict on_overload = Verdict::drop;           // accept, block or drop
    AskAgain in_reauthorization = AskAgain::keep;  // what `ask` does to a flow that has a verdict
    friend bool operator==(const Pending&, const Pending&) = default;
  } pending;

  struct ProcessOptions {
    ProcessLookup lookup = ProcessLookup::automatic;
    Duration deadline = std::chrono::milliseconds{100};  // rules about processes wait so long at most
    std::vector<std::string> interpreters = default_interpreters();  // globs of file names
    friend bool operator==(const ProcessOptions&, const ProcessOptions&) = default;
  } process;

  struct Names {
    bool dns = true;  // copies of DNS, mDNS and LLMNR messages that the kernel carries come up (NFLOG)
    friend bool operator==(const Names&, const Names&) = default;
  } names;

  // How far the first bytes of a flow are looked into. At a bound it is what it has shown to be by then.
  struct Inspection {
    std::uint32_t max_packets = 48;                // with payload, of both sides
    std::uint32_t max_bytes = 16'384 + 512;        // of each side: the longest ClientHello, framed
    Duration deadline = std::chrono::seconds{30};  // from the first payload; looked at with the next packet
    std::uint32_t max_flows = 2048;  // at once; past it the one that began first is as far as it is
    friend bool operator==(const Inspection&, const Inspection&) = default;
  } inspection;

  struct Log {
    std::uint32_t rate = 100;    // records a second, on average
    std::uint32_t burst = 1000;  // records at once
    friend bool operator==(const Log&, const Log&) = default;
  } log;

  RerouteTarget nameserver{{}, {}, 53};
  NameserverOptions resolver;  // of the daemon's own nameserver, which listens there when it is enabled
  RerouteTarget tunnel;

  friend bool operator==(const Config&, const Config&) = default;
};

// Parses and checks. `file` names the text in diagnostics and is what relative paths in it are
// relative to. All errors are reported, not only the first: unknown keys, wrong types, impossible
// values and combinations.
Result<Config, Diagnostics> parse_config(std::string_view text, const std::string& file);

}  // namespace tollgate
