// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/config/config.hpp"

#include <algorithm>

#include "config_values.hpp"
#include "resolver_reader.hpp"

namespace tollgate {
namespace {

// The limits of what a file may say. docs/configuration.md has the same numbers.
constexpr std::int64_t kMostPackets = 1 << 20;
constexpr std::int64_t kMostFlows = 1 << 24;
constexpr std::int64_t kMostInspected = 10'000;  // packets of one flow
constexpr std::int64_t kMostRecords = 1'000'000;
constexpr std::size_t kLongestSocketPath = 107;  // sun_path, unix(7)

void read_top(TomlTable& root, const std::string& file, Config& config) {
  read_path(root, "policy", file, config.policy);
  read_path(root, "socket", file, config.socket);
  read_text(root, "socket_group", config.socket_group);
  read_path(root, "state", file, config.state);
  read_word(root, "ruleset", {RulesetHandling::apply, RulesetHandling::none}, config.ruleset);
  read_word(root, "at_stop", {AtStop::remove, AtStop::keep}, config.at_stop);
  read_word(root, "backend", {Backend::automatic, Backend::nft, Backend::iptables}, config.backend);
  read_word(root, "mark_path", {MarkPath::automatic, MarkPath::conntrack, MarkPath::packet},
            config.mark_path);
  read_word(root, "fail", {FailMode::open, FailMode::closed}, config.fail);
  read_flag(root, "forward", config.forward);
  read_flag(root, "reroute_arriving", config.reroute_arriving);
  read_word(root, "invalid", {InvalidHandling::pass, InvalidHandling::drop}, config.invalid);
  read_flag(root, "log_invalid", config.log_invalid);
  read_temporary_verdict(root, "unparsed", config.unparsed);
  read_word(root, "loopback", {LoopbackHandling::exempt, LoopbackHandling::decide}, config.loopback);
  read_word(root, "icmp", {FlowHandling::packet, FlowHandling::flow}, config.icmp);
  read_word(root, "icmp_errors", {IcmpErrors::follow, IcmpErrors::decide}, config.icmp_errors);
  read_word(root, "other", {FlowHandling::packet, FlowHandling::flow}, config.other);
  read_word(root, "related", {RelatedHandling::inherit, RelatedHandling::decide}, config.related);
  read_word(root, "arrival_interface", {ArrivalInterface::ignore, ArrivalInterface::reauthorize},
            config.arrival_interface);
  read_word(root, "multicast_answers", {MulticastAnswers::window, MulticastAnswers::decide},
            config.multicast_answers);
  if (config.socket.size() > kLongestSocketPath) {
    root.take("socket")->error("socket must be a path of at most " + std::to_string(kLongestSocketPath) +
                               " bytes, and " + in_quotes(config.socket) + " has " +
                               std::to_string(config.socket.size()));
  }
}

void read_queue(TomlTable table, Config::Queue& queue) {
  read_number(table, "number", 0, kMostQueueNumber, queue.number);
  read_number(table, "max_length", 1, kMostPackets, queue.max_length);
  read_number(table, "copy_range", 128, 65535, queue.copy_range);
  read_number(table, "socket_buffer", 4096, 1 << 30, queue.socket_buffer);
  read_number(table, "nflog_group", 0, kMostNflogGroup, queue.nflog_group);
  table.refuse_rest();
}

void read_mark(TomlTable table, Config& config) {
  read_number(table, "mask", 0, 0xffffffff, config.mark_mask);
  if (!is_usable_mark_mask(config.mark_mask)) {
    table.take("mask")->error("mark.mask must be one run of at least four bits, like 0x0f000000");
  }
  read_number(table, "interface_mask", 0, 0xffffffff, config.interface_mask);
  const auto given = table.take("interface_mask");
  if (!is_usable_interface_mask(config.interface_mask)) {
    given->error("mark.interface_mask must be one run of 1 to 16 bits, like 0x00000ff0");
  } else if ((config.mark_mask & config.interface_mask) != 0) {
    // What is not given is not in the way of who does not need it.
    const std::string message = "mark.mask and mark.interface_mask have bits in common";
    if (given) given->error(message);
    if (!given && config.arrival_interface == ArrivalInterface::reauthorize)
      table.take("mask")->error(message);
  }
  table.refuse_rest();
}

// [flow.idle]: a protocol, and how long a flow of it may be idle.
void read_idle_times(TomlTable table, std::vector<IdleTime>& out) {
  for (const auto& [name, value] : table.take_all()) {
    const std::optional<Protocol> protocol = parse_protocol(name);
    if (!protocol) {
      value.error("flow.idle." + name + ": there is no such protocol; use its number");
      continue;
    }
    if (*protocol == Protocol::udp || *protocol == Protocol::udplite || is_icmp(*protocol)) {
      value.error("flow.idle." + name + ": that is " +
                  (is_icmp(*protocol) ? "flow.icmp_idle_timeout" : "flow.udp_idle_timeout"));
      continue;
    }
    const bool again =
        std::ranges::any_of(out, [&](const IdleTime& idle) { return idle.protocol == *protocol; });
    if (again) value.error("flow.idle: " + to_string(*protocol) + " is there twice");
    IdleTime idle{*protocol, {}};
    read_duration(value, idle.time);
    out.push_back(idle);
  }
  if (out.size() > kMaxIdleTimes) {
    table.error("flow.idle may have at most " + std::to_string(kMaxIdleTimes) + " protocols");
  }
}

// flow.pressure: [{ fill = 80, idle = 50 }, …]. An empty array: idle times never shrink.
void read_pressure(const TomlValue& value, std::vector<PressureStep>& out) {
  out.clear();
  for (TomlTable& table : value.tables()) {
    PressureStep step;
    for (const char* key : {"fill", "idle"}) {
      if (!table.take(key)) table.error("each step of flow.pressure needs fill and idle");
    }
    read_number(table, "fill", 1, 100, step.fill);
    read_number(table, "idle", 1, 100, step.idle);
    table.refuse_rest();
    const bool ordered = out.empty() || (out.back().fill < step.fill && step.idle < out.back().idle);
    if (!ordered) table.error("the steps of flow.pressure must go up in fill and down in idle");
    out.push_back(step);
  }
  if (out.size() > kMaxPressureSteps) {
    value.error("flow.pressure may have at most " + std::to_string(kMaxPressureSteps) + " steps");
  }
}

void read_flow(TomlTable table, Config::Flow& flow) {
  read_number(table, "max_flows", 1, kMostFlows, flow.max_flows);
  read_duration(table, "end_linger", flow.end_linger);
  read_duration(table, "idle_timeout", flow.idle_timeout);
  read_duration(table, "udp_idle_timeout", flow.udp_idle_timeout);
  read_duration(table, "icmp_idle_timeout", flow.icmp_idle_timeout);
  if (auto idle = table.take_table("idle")) read_idle_times(*std::move(idle), flow.idle_times);
  if (const auto pressure = table.take("pressure")) read_pressure(*pressure, flow.pressure);
  read_duration(table, "answer_window", flow.answer_window);
  read_word(table, "tcp_ends", {TcpEnds::nflog, TcpEnds::conntrack}, flow.tcp_ends);
  table.refuse_rest();
}

void read_pending(TomlTable table, Config::Pending& pending) {
  read_number(table, "max_packets", 1, kMostPackets, pending.max_packets);
  read_number(table, "max_packets_per_flow", 1, kMostPackets, pending.max_packets_per_flow);
  read_duration(table, "deadline", pending.deadline);
  read_temporary_verdict(table, "on_deadline", pending.on_deadline);
  read_temporary_verdict(table, "on_overload", pending.on_overload);
  read_word(table, "in_reauthorization", {AskAgain::keep, AskAgain::block}, pending.in_reauthorization);
  table.refuse_rest();
}

void read_names(TomlTable table, Config::Names& names) {
  read_flag(table, "dns", names.dns);
  table.refuse_rest();
}

void read_process(TomlTable table, Config::ProcessOptions& process) {
  read_word(table, "lookup", {ProcessLookup::automatic, ProcessLookup::proc, ProcessLookup::off},
            process.lookup);
  read_duration(table, "deadline", process.deadline);
  if (const auto names = table.take("interpreters")) {
    process.interpreters.clear();
    for (const TomlValue& name : names->each()) {
      const auto text = name.string();
      if (text && text->find('/') != std::string_view::npos) {
        name.wrong("the name of a program's file, without its folder, or a pattern of one");
      } else if (text) {
        process.interpreters.emplace_back(*text);
      }
    }
  }
  table.refuse_rest();
}

void read_inspection(TomlTable table, Config::Inspection& inspection) {
  read_number(table, "max_packets", 1, kMostInspected, inspection.max_packets);
  read_number(table, "max_bytes", 64, 1 << 20, inspection.max_bytes);
  read_duration(table, "deadline", inspection.deadline);
  read_number(table, "max_flows", 1, kMostPackets, inspection.max_flows);
  table.refuse_rest();
}

void read_log(TomlTable table, Config::Log& log) {
  read_number(table, "rate", 1, kMostRecords, log.rate);
  read_number(table, "burst", 1, kMostRecords, log.burst);
  table.refuse_rest();
}

void read_target(TomlTable& table, std::string_view name, RerouteTarget& target) {
  read_address(table, "address4", Family::ipv4, target.address4);
  read_address(table, "address6", Family::ipv6, target.address6);
  const bool has_port = table.take("port").has_value();
  read_number(table, "port", 1, 65535, target.port);
  const bool has_address = table.take("address4") || table.take("address6");
  if (!has_address) table.error(std::string{name} + " needs address4, address6 or both");
  if (!has_port && target.port == 0) table.error(std::string{name} + " needs a port");
}

void read_nameserver(TomlTable table, const std::string& file, Config& config) {
  read_target(table, "nameserver", config.nameserver);
  read_resolver(table, file, config.nameserver, config.resolver);
  table.refuse_rest();
}

void read_tunnel(TomlTable table, RerouteTarget& tunnel) {
  read_target(table, "tunnel", tunnel);
  table.refuse_rest();
}

// Everything that waits for an answer stands in the kernel's queue as well: were the queue no
// longer than that, it could fill with them and no packet would come up any more.
void check_pending_fits(TomlTable& root, const Config& config) {
  if (config.pending.max_packets < config.queue.max_length) return;
  auto pending = root.take_table("pending");
  auto queue = root.take_table("queue");
  auto value = pending ? pending->take("max_packets") : std::nullopt;
  if (!value && queue) value = queue->take("max_length");
  if (!value) return;  // both are defaults, which fit
  value->error("pending.max_packets (" + std::to_string(config.pending.max_packets) +
               ") must be below queue.max_length (" + std::to_string(config.queue.max_length) + ")");
}

}  // namespace

Result<Config, Diagnostics> parse_config(std::string_view text, const std::string& file) {
  const auto document = TomlDocument::parse(text, file);
  if (!document) return Diagnostics{document.error()};
  FileDiagnostics found{file};
  TomlTable root = document->root(found);
  Config config;
  read_top(root, file, config);
  const std::size_t errors_before = found.size();
  if (auto table = root.take_table("queue")) read_queue(*table, config.queue);
  if (auto table = root.take_table("pending")) read_pending(*table, config.pending);
  if (found.size() == errors_before) check_pending_fits(root, config);
  if (auto table = root.take_table("mark")) read_mark(*table, config);
  if (auto table = root.take_table("flow")) read_flow(*table, config.flow);
  if (auto table = root.take_table("process")) read_process(*table, config.process);
  if (auto table = root.take_table("names")) read_names(*table, config.names);
  if (auto table = root.take_table("inspection")) read_inspection(*table, config.inspection);
  if (auto table = root.take_table("log")) read_log(*table, config.log);
  if (auto table = root.take_table("nameserver")) read_nameserver(*table, file, config);
  if (auto table = root.take_table("tunnel")) read_tunnel(*table, config.tunnel);
  root.refuse_rest();
  if (!found.empty()) return found.take();
  return config;
}

}  // namespace tollgate
