// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/config/config.hpp"

#include <fstream>
#include <iterator>

#include "catch.hpp"

namespace tollgate {
namespace {

using namespace std::chrono_literals;

constexpr const char* kFile = "/etc/tollgate/tollgate.toml";

Config good(std::string_view text, const std::string& file = kFile) {
  const auto config = parse_config(text, file);
  if (!config) FAIL(config.error().front().to_string());
  return *config;
}

std::vector<std::string> wrong(std::string_view text) {
  std::vector<std::string> lines;
  const auto config = parse_config(text, "t.toml");
  if (config) return lines;
  for (const Diagnostic& diagnostic : config.error()) lines.push_back(diagnostic.to_string());
  return lines;
}

using Lines = std::vector<std::string>;

TEST_CASE("an empty file gives the defaults") {
  const Config config = good("");
  const Config initial;
  CHECK(config.policy == "/etc/tollgate/policy.d");
  CHECK(config.mark_mask == initial.mark_mask);
  CHECK(config.interface_mask == initial.interface_mask);
  CHECK(config.queue == initial.queue);
  CHECK(config.flow == initial.flow);
  CHECK(config.pending == initial.pending);
  CHECK(config.log == initial.log);
  CHECK(config.inspection == initial.inspection);
  CHECK(config.nameserver == initial.nameserver);
  CHECK_FALSE(config.nameserver.configured());
  CHECK_FALSE(config.tunnel.configured());
}

TEST_CASE("every top-level key is read") {
  const Config config = good(R"(
policy = "p"
socket = "/tmp/s"
socket_group = "adm"
state = "../state"
ruleset = "none"
backend = "iptables"
mark_path = "packet"
fail = "open"
forward = true
reroute_arriving = true
invalid = "pass"
log_invalid = true
unparsed = "accept"
loopback = "decide"
icmp = "flow"
icmp_errors = "decide"
other = "flow"
related = "decide"
arrival_interface = "reauthorize"
multicast_answers = "decide"
)");
  CHECK(config.policy == "/etc/tollgate/p");
  CHECK(config.socket == "/tmp/s");
  CHECK(config.socket_group == "adm");
  CHECK(config.state == "/etc/state");
  CHECK(config.ruleset == RulesetHandling::none);
  CHECK(config.backend == Backend::iptables);
  CHECK(config.mark_path == MarkPath::packet);
  CHECK(config.fail == FailMode::open);
  CHECK(config.forward);
  CHECK(config.reroute_arriving);
  CHECK(config.invalid == InvalidHandling::pass);
  CHECK(config.log_invalid);
  CHECK(config.unparsed == Verdict::accept);
  CHECK(config.loopback == LoopbackHandling::decide);
  CHECK(config.icmp == FlowHandling::flow);
  CHECK(config.icmp_errors == IcmpErrors::decide);
  CHECK(config.other == FlowHandling::flow);
  CHECK(config.related == RelatedHandling::decide);
  CHECK(config.arrival_interface == ArrivalInterface::reauthorize);
  CHECK(config.multicast_answers == MulticastAnswers::decide);
}

TEST_CASE("every table is read") {
  const Config config = good(R"(
[queue]
number = 65530
max_length = 100
copy_range = 128
socket_buffer = 4096
[mark]
mask = 0xf8
interface_mask = 0x700
[flow]
max_flows = 7
end_linger = "250ms"
idle_timeout = "1h"
udp_idle_timeout = 90
icmp_idle_timeout = "2m"
idle = { sctp = "3m", 47 = "4m" }
pressure = [{ fill = 50, idle = 40 }, { fill = 60, idle = 30 }]
answer_window = "5s"
[pending]
max_packets = 99
max_packets_per_flow = 2
deadline = "15s"
on_deadline = "accept"
on_overload = "block"
in_reauthorization = "block"
[inspection]
max_packets = 7
max_bytes = 8000
deadline = "9s"
max_flows = 10
[log]
rate = 5
burst = 6
[nameserver]
address4 = "127.0.0.1"
address6 = "::1"
[tunnel]
address6 = "2001:db8::1"
port = 9000
)");
  CHECK(config.queue == Config::Queue{65530, 100, 128, 4096});
  CHECK(config.inspection == Config::Inspection{7, 8000, 9s, 10});
  CHECK(config.mark_mask == 0xf8);
  CHECK(config.interface_mask == 0x700);
  CHECK(config.flow == Config::Flow{7,
                                    250ms,
                                    1h,
                                    90s,
                                    2min,
                                    {{Protocol::gre, 4min}, {Protocol::sctp, 3min}},
                                    {{50, 40}, {60, 30}},
                                    5s});
  CHECK(config.pending == Config::Pending{99, 2, 15s, Verdict::accept, Verdict::block, AskAgain::block});
  CHECK(config.log == Config::Log{5, 6});
  CHECK(config.nameserver == RerouteTarget{IpAddress::parse("127.0.0.1"), IpAddress::parse("::1"), 53});
  CHECK(config.tunnel == RerouteTarget{{}, IpAddress::parse("2001:db8::1"), 9000});
}

TEST_CASE("the shipped example says the defaults, all of them") {
  std::ifstream file{TOLLGATE_SOURCE_DIR "/examples/tollgate.toml"};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  REQUIRE_FALSE(text.empty());
  // Optional keys stand there as comments.
  for (const std::string_view key : {"policy",
                                     "socket",
                                     "socket_group",
                                     "state",
                                     "ruleset",
                                     "backend",
                                     "mark_path",
                                     "fail",
                                     "forward",
                                     "reroute_arriving",
                                     "invalid",
                                     "log_invalid",
                                     "unparsed",
                                     "loopback",
                                     "icmp",
                                     "icmp_errors",
                                     "other",
                                     "related",
                                     "arrival_interface",
                                     "multicast_answers",
                                     "number",
                                     "max_length",
                                     "copy_range",
                                     "socket_buffer",
                                     "mask",
                                     "max_flows",
                                     "end_linger",
                                     "idle_timeout",
                                     "udp_idle_timeout",
                                     "icmp_idle_timeout",
                                     "pressure",
                                     "answer_window",
                                     "max_packets",
                                     "max_packets_per_flow",
                                     "deadline",
                                     "on_deadline",
                                     "on_overload",
                                     "in_reauthorization",
                                     "rate",
                                     "burst",
                                     "address4",
                                     "address6",
                                     "port"}) {
    CAPTURE(key);
    CHECK(text.find(std::string{key} + " = ") != std::string::npos);
  }
  const Config config = good(text);
  const Config initial;
  CHECK(config.policy == initial.policy);
  CHECK(config.socket == initial.socket);
  CHECK(config.socket_group == initial.socket_group);
  CHECK(config.state == initial.state);
  CHECK(config.ruleset == initial.ruleset);
  CHECK(config.backend == initial.backend);
  CHECK(config.mark_path == initial.mark_path);
  CHECK(config.fail == initial.fail);
  CHECK(config.forward == initial.forward);
  CHECK(config.reroute_arriving == initial.reroute_arriving);
  CHECK(config.invalid == initial.invalid);
  CHECK(config.log_invalid == initial.log_invalid);
  CHECK(config.unparsed == initial.unparsed);
  CHECK(config.loopback == initial.loopback);
  CHECK(config.queue == initial.queue);
  CHECK(config.mark_mask == initial.mark_mask);
  CHECK(config.flow == initial.flow);
  CHECK(config.pending == initial.pending);
  CHECK(config.log == initial.log);
  CHECK(config.nameserver == initial.nameserver);
  CHECK(config.tunnel == initial.tunnel);
}

TEST_CASE("text that is not TOML is an error with its place") {
  CHECK(wrong("fail = \n") ==
        Lines{"t.toml:1:8: not TOML: Error while parsing key-value pair: expected value, saw '\\n'"});
  CHECK(wrong("fail = \"open\"\nfail = \"open\"\n").size() == 1);
  CHECK(wrong("\xff = 1").size() == 1);
}

TEST_CASE("unknown keys are errors, with the nearest key") {
  CHECK(wrong("fial = \"open\"\n") == Lines{"t.toml:1:1: unknown key \"fial\"; did you mean \"fail\"?"});
  CHECK(wrong("[queue]\n  max_lenght = 3\n") ==
        Lines{"t.toml:2:3: unknown key \"max_lenght\" in queue; did you mean \"max_length\"?"});
  CHECK(wrong("[zebra]\nx = 1\n") == Lines{"t.toml:1:2: unknown key \"zebra\""});
  CHECK(wrong("\"a\\nb\" = 1\n") == Lines{"t.toml:1:1: unknown key \"a\\x0ab\""});
}

TEST_CASE("keys of later versions are refused by name") {}

TEST_CASE("wrong types are errors") {
  CHECK(wrong("policy = 1\n") == Lines{"t.toml:1:10: policy must be a string, not 1"});
  CHECK(wrong("forward = \"yes\"\n") == Lines{"t.toml:1:11: forward must be true or false, not \"yes\""});
  CHECK(wrong("fail = true\n") == Lines{"t.toml:1:8: fail must be \"open\" or \"closed\", not true"});
  CHECK(wrong("queue = 4\n") == Lines{"t.toml:1:9: queue must be a table, not 4"});
  CHECK(wrong("[mark]\nmask = \"0x0f000000\"\n") ==
        Lines{"t.toml:2:8: mark.mask must be an integer from 0 to 4294967295, not \"0x0f000000\""});
  CHECK(wrong("[pending]\ndeadline = 1.5\n").size() == 1);
}

TEST_CASE("impossible values are errors") {
  CHECK(wrong("fail = \"clsoed\"\n") ==
        Lines{"t.toml:1:8: fail must be \"open\" or \"closed\", not \"clsoed\"; did you mean \"closed\"?"});
  CHECK(wrong("unparsed = \"permanent-drop\"\n") ==
        Lines{"t.toml:1:12: unparsed must be \"accept\", \"block\" or \"drop\", not \"permanent-drop\""});
  CHECK(wrong("policy = \"\"\n") == Lines{"t.toml:1:10: policy must not be empty"});
  CHECK(wrong("[queue]\nnumber = 65531\n") ==
        Lines{"t.toml:2:10: queue.number must be an integer from 0 to 65530, not 65531"});
  CHECK(wrong("[queue]\ncopy_range = 127\n").size() == 1);
  CHECK(wrong("[tunnel]\naddress4 = \"10.0.0.1\"\nport = 0\n") ==
        Lines{"t.toml:3:8: tunnel.port must be an integer from 1 to 65535, not 0"});
  CHECK(wrong("[flow]\nend_linger = \"15 s\"\n") ==
        Lines{"t.toml:2:14: flow.end_linger must be a duration from 1ms to a year, like \"250ms\", \"15s\", "
              "\"10m\", "
              "\"1h\" or whole seconds, not \"15 s\""});
  for (const char* bad :
       {"0", "-1", "\"0s\"", "\"\"", "\"s\"", "\"9000h\"", "\"99999999999999999999s\"", "\"1d\""}) {
    CAPTURE(bad);
    CHECK(wrong("[flow]\nend_linger = " + std::string{bad} + "\n").size() == 1);
  }
  CHECK(wrong("socket = \"/" + std::string(107, 'x') + "\"\n").size() == 1);
  CHECK(wrong("socket = \"/" + std::string(106, 'x') + "\"\n").empty());
}

TEST_CASE("an interface mask is one run of 1 to 16 bits, beside the other") {
  const std::string message = "mark.interface_mask must be one run of 1 to 16 bits, like 0x00000ff0";
  for (const char* bad : {"0", "0x1ffff", "0x00000ff1"}) {
    INFO(bad);
    CHECK(wrong("[mark]\ninterface_mask = " + std::string{bad} + "\n") == Lines{"t.toml:2:18: " + message});
  }
  CHECK(good("[mark]\ninterface_mask = 0xffff\n").interface_mask == 0xffff);
  CHECK(good("[mark]\ninterface_mask = 8\n").interface_mask == 8);
  const std::string both = "mark.mask and mark.interface_mask have bits in common";
  CHECK(wrong("[mark]\ninterface_mask = 0x0f000000\n") == Lines{"t.toml:2:18: " + both});
  CHECK(wrong("[mark]\nmask = 0xff\n").empty());
  CHECK(wrong("arrival_interface = \"reauthorize\"\n[mark]\nmask = 0xff\n") == Lines{"t.toml:3:8: " + both});
}

TEST_CASE("a mark mask is one run of at least four bits") {
  const std::string message = "mark.mask must be one run of at least four bits, like 0x0f000000";
  for (const char* bad : {"0", "1", "0x7", "0x0f0f0000", "0x80000007", "0xf000000e"}) {
    CAPTURE(bad);
    CHECK(wrong("[mark]\nmask = " + std::string{bad} + "\n") == Lines{"t.toml:2:8: " + message});
  }
  for (const char* fine : {"0xf", "0xf0000000", "0xffffffff", "0x1e", "0x00ff0000"}) {
    CAPTURE(fine);
    CHECK(wrong("[mark]\nmask = " + std::string{fine} + "\n").empty());
  }
}

TEST_CASE("reroute targets are whole, and of the right family") {
  CHECK(wrong("[tunnel]\naddress4 = \"10.0.0.1\"\n") == Lines{"t.toml:1:1: tunnel needs a port"});
  CHECK(wrong("[nameserver]\nport = 53\n") ==
        Lines{"t.toml:1:1: nameserver needs address4, address6 or both"});
  CHECK(wrong("[nameserver]\naddress4 = \"::1\"\n") ==
        Lines{"t.toml:2:12: nameserver.address4 must be an IPv4 address, not \"::1\""});
  CHECK(wrong("[nameserver]\naddress6 = \"10.0.0.1\"\n") ==
        Lines{"t.toml:2:12: nameserver.address6 must be an IPv6 address, not \"10.0.0.1\""});
  CHECK(wrong("[nameserver]\naddress4 = \"0.0.0.0\"\n") ==
        Lines{"t.toml:2:12: nameserver.address4 must be the address of one host, not \"0.0.0.0\""});
  CHECK(wrong("[nameserver]\naddress6 = \"ff02::1\"\n").size() == 1);
}

TEST_CASE("how the owners of flows are found") {
  const auto config =
      parse_config("[process]\nlookup = \"proc\"\ndeadline = \"5ms\"\ninterpreters = [\"my*\"]\n", "t.toml");
  REQUIRE(config.ok());
  CHECK(config->process.lookup == ProcessLookup::proc);
  CHECK(config->process.deadline == std::chrono::milliseconds{5});
  CHECK(config->process.interpreters == std::vector<std::string>{"my*"});
  CHECK(wrong("[process]\nlookup = \"ebpf\"\n") ==
        Lines{"t.toml:2:10: process.lookup must be \"auto\", \"proc\" or \"off\", not \"ebpf\""});
  CHECK(
      wrong("[process]\ninterpreters = [\"/usr/bin/python3\"]\n") ==
      Lines{"t.toml:2:17: process.interpreters must be the name of a program's file, without its folder, or "
            "a pattern of one, not \"/usr/bin/python3\""});
}

TEST_CASE("DNS is listened to unless somebody says no") {
  CHECK(good("").names.dns);
  CHECK_FALSE(good("[names]\ndns = false\n").names.dns);
  CHECK(wrong("[names]\ndns = 1\n").size() == 1);
  CHECK(wrong("[names]\ndsn = true\n").size() == 1);
  // The group after it is in use as well.
  CHECK(good("[queue]\nnflog_group = 65534\n").queue.nflog_group == 65534);
  CHECK(wrong("[queue]\nnflog_group = 65535\n").size() == 1);
}

TEST_CASE("what waits fits into the queue") {
  CHECK(wrong("[queue]\nmax_length = 1024\n") ==
        Lines{"t.toml:2:14: pending.max_packets (1024) must be below queue.max_length (1024)"});
  CHECK(wrong("[pending]\nmax_packets = 4096\n") ==
        Lines{"t.toml:2:15: pending.max_packets (4096) must be below queue.max_length (4096)"});
  CHECK(wrong("[pending]\nmax_packets = 10\n[queue]\nmax_length = 11\n").empty());
}

TEST_CASE("what inspection may not be") {
  CHECK(
      wrong("[inspection]\nmax_packets = 0\nmax_bytes = 63\ndeadline = \"0s\"\nflows = 1\n") ==
      Lines{
          "t.toml:2:15: inspection.max_packets must be an integer from 1 to 10000, not 0",
          "t.toml:3:13: inspection.max_bytes must be an integer from 64 to 1048576, not 63",
          "t.toml:4:12: inspection.deadline must be a duration from 1ms to a year, like \"250ms\", \"15s\", "
          "\"10m\", \"1h\" or whole seconds, not \"0s\"",
          "t.toml:5:1: unknown key \"flows\" in inspection"});
}

TEST_CASE("all errors are reported, in order of place") {
  CHECK(wrong("[tunnel]\nport = 1\n[queue]\nnumber = \"x\"\nlength = 1\n[log]\nrate = 0\n") ==
        Lines{"t.toml:1:1: tunnel needs address4, address6 or both",
              "t.toml:4:10: queue.number must be an integer from 0 to 65530, not \"x\"",
              "t.toml:5:1: unknown key \"length\" in queue",
              "t.toml:7:8: log.rate must be an integer from 1 to 1000000, not 0"});
}

TEST_CASE("the words of the configuration") {
  CHECK(to_string(Backend::automatic) == "auto");
  CHECK(to_string(MarkPath::conntrack) == "conntrack");
  CHECK(to_string(FailMode::closed) == "closed");
  CHECK(to_string(InvalidHandling::pass) == "pass");
  CHECK(to_string(LoopbackHandling::exempt) == "exempt");
  CHECK(to_string(RulesetHandling::none) == "none");
}

}  // namespace
}  // namespace tollgate
