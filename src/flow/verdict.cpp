// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/flow/verdict.hpp"

#include <array>
#include <cstddef>

namespace tollgate {
namespace {

// In the order of the enums.
constexpr std::array<std::string_view, kVerdictCount> kVerdicts = {
    "accept",
    "block",
    "drop",
    "permanent-accept",
    "permanent-block",
    "permanent-drop",
    "reroute-nameserver",
    "reroute-tunnel",
};
constexpr std::array<std::string_view, static_cast<std::size_t>(Direction::count_)> kDirections = {
    "outbound", "inbound", "forward"};
constexpr std::array<std::string_view, 6> kStages = {
    "none", "before-resolving", "after-resolving", "communication", "link", "inspection"};
constexpr std::array<std::string_view, static_cast<std::size_t>(Reason::count_)> kReasons = {
    "rule",     "default", "cached", "unparsed", "invalid", "related", "answered",   "timed-out",
    "overload", "folded",  "window", "asking",   "killed",  "own",     "inspecting",
};
constexpr std::array<std::string_view, static_cast<std::size_t>(Cause::count_)> kCauses = {
    "none", "policy", "rule", "expired", "arrival", "completion", "revoked", "killed", "restart", "resync",
};

template <class Enum, std::size_t N>
std::optional<Enum> parse(const std::array<std::string_view, N>& words, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i) {
    if (words[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Verdict verdict) { return kVerdicts[static_cast<std::size_t>(verdict)]; }
std::optional<Verdict> parse_verdict(std::string_view text) { return parse<Verdict>(kVerdicts, text); }

std::string_view to_string(Direction direction) { return kDirections[static_cast<std::size_t>(direction)]; }
std::optional<Direction> parse_direction(std::string_view text) {
  return parse<Direction>(kDirections, text);
}

std::string_view to_string(Stage stage) { return kStages[static_cast<std::size_t>(stage)]; }
std::string_view to_string(Reason reason) { return kReasons[static_cast<std::size_t>(reason)]; }
std::string_view to_string(Cause cause) { return kCauses[static_cast<std::size_t>(cause)]; }

FlowMark flow_mark(Verdict verdict) {
  switch (verdict) {
    case Verdict::permanent_accept:
      return FlowMark::accept;
    case Verdict::permanent_block:
      return FlowMark::block;
    case Verdict::permanent_drop:
      return FlowMark::drop;
    case Verdict::reroute_nameserver:
      return FlowMark::nameserver;
    case Verdict::reroute_tunnel:
      return FlowMark::tunnel;
    case Verdict::accept:
    case Verdict::block:
    case Verdict::drop:
    case Verdict::count_:
      break;
  }
  return FlowMark::undecided;
}

std::optional<Verdict> verdict_of(FlowMark mark) {
  switch (mark) {
    case FlowMark::accept:
      return Verdict::permanent_accept;
    case FlowMark::block:
      return Verdict::permanent_block;
    case FlowMark::drop:
      return Verdict::permanent_drop;
    case FlowMark::nameserver:
      return Verdict::reroute_nameserver;
    case FlowMark::tunnel:
      return Verdict::reroute_tunnel;
    case FlowMark::undecided:
    case FlowMark::inspect:
    case FlowMark::block_packet:
    case FlowMark::drop_packet:
      break;
  }
  return std::nullopt;
}

}  // namespace tollgate
