// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/config/config.hpp"

#include <array>

#include "config_values.hpp"

namespace tollgate {
namespace {

// The limits of what a file may say. docs/configuration.md has the same numbers.
constexpr std::int64_t kMostPackets = 1 << 20;
constexpr std::int64_t kMostFlows = 1 << 24;
constexpr std::int64_t kMostRecords = 1'000'000;
constexpr std::size_t kLongestSocketPath = 107;  // sun_path, unix(7)

// Part of the design, not of this version.
constexpr std::array<std::string_view, 1> kLaterTop = {"icmp"};
constexpr std::array<std::string_view, 1> kLaterFlow = {"icmp"};

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
  table.refuse_rest();
}

void read_mark(TomlTable table, std::uint32_t& mask) {
  read_number(table, "mask", 0, 0xffffffff, mask);
  if (!is_usable_mark_mask(mask)) {
    table.take("mask")->error("mark.mask must be one run of at least four bits, like 0x0f000000");
  }
  table.refuse_rest();
}

void read_flow(TomlTable table, Config::Flow& flow) {
  read_number(table, "max_flows", 1, kMostFlows, flow.max_flows);
  read_duration(table, "end_linger", flow.end_linger);
  read_duration(table, "idle_timeout", flow.idle_timeout);
  read_duration(table, "udp_idle_timeout", flow.udp_idle_timeout);
  read_duration(table, "icmp_idle_timeout", flow.icmp_idle_timeout);
  table.refuse_rest(kLaterFlow);
}

void read_pending(TomlTable table, Config::Pending& pending) {
  read_number(table, "max_packets", 1, kMostPackets, pending.max_packets);
  read_number(table, "max_packets_per_flow", 1, kMostPackets, pending.max_packets_per_flow);
  read_duration(table, "deadline", pending.deadline);
  read_temporary_verdict(table, "on_deadline", pending.on_deadline);
  read_temporary_verdict(table, "on_overload", pending.on_overload);
  table.refuse_rest();
}

void read_log(TomlTable table, Config::Log& log) {
  read_number(table, "rate", 1, kMostRecords, log.rate);
  read_number(table, "burst", 1, kMostRecords, log.burst);
  table.refuse_rest();
}

void read_target(TomlTable table, std::string_view name, RerouteTarget& target) {
  read_address(table, "address4", Family::ipv4, target.address4);
  read_address(table, "address6", Family::ipv6, target.address6);
  const bool has_port = table.take("port").has_value();
  read_number(table, "port", 1, 65535, target.port);
  table.refuse_rest();
  const bool has_address = table.take("address4") || table.take("address6");
  if (!has_address) table.error(std::string{name} + " needs address4, address6 or both");
  if (!has_port && target.port == 0) table.error(std::string{name} + " needs a port");
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
  if (auto table = root.take_table("mark")) read_mark(*table, config.mark_mask);
  if (auto table = root.take_table("flow")) read_flow(*table, config.flow);
  if (auto table = root.take_table("log")) read_log(*table, config.log);
  if (auto table = root.take_table("nameserver")) read_target(*table, "nameserver", config.nameserver);
  if (auto table = root.take_table("tunnel")) read_target(*table, "tunnel", config.tunnel);
  root.refuse_rest(kLaterTop);
  if (!found.empty()) return found.take();
  return config;
}

}  // namespace tollgate
