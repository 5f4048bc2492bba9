// SPDX-License-Identifier: GPL-2.0-or-later
#include <string>
#include <string_view>

#include "linux/ruleset_apply.hpp"
#include "linux/ruleset_tools.hpp"
#include "tollgate/ruleset/ruleset.hpp"

namespace tollgate {
namespace {

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

// What of the live parts a text has, whether it was rendered or listed. Elements of nft's sets begin
// with their protocol, and nothing else in our table does.
struct Counts {
  std::size_t sockets = 0, interfaces = 0;
  friend bool operator==(const Counts&, const Counts&) = default;
};
Counts nft_counts(std::string_view text) {
  return {count(text, "tcp . ") + count(text, "udp . "), count(text, "\" : goto arrived_")};
}
Counts iptables_counts(std::string_view text) {
  return {count(text, "-g TOLLGATE-AUTHORIZED\n"), count(text, "-A TOLLGATE-ARRIVED -i ")};
}

Done update_iptables(const Config& config, const LiveRules& live) {
  for (const Tools& tools : families()) {
    if (Done done = restore(tools, render_iptables_live(config, tools.family, live)); !done.ok()) return done;
  }
  return true;
}

bool iptables_has(const Config& config, const LiveRules& live) {
  for (const Tools& tools : families()) {
    const auto saved = run_command({tools.save}, "", kRulesetCommandLimit);
    if (!saved.ok() || !saved->ok()) return false;
    const std::string wanted = render_iptables_live(config, tools.family, live);
    if (iptables_counts(saved->out) != iptables_counts(wanted)) return false;
  }
  return true;
}

Backend found_backend(Backend backend) {
  if (backend != Backend::automatic) return backend;
  return listed_nft_table().empty() ? Backend::iptables : Backend::nft;
}

}  // namespace

Done update_live_rules(Backend backend, const Config& config, const LiveRules& live) {
  if (found_backend(backend) == Backend::iptables) return update_iptables(config, live);
  return run_tool({"nft", "-f", "-"}, render_nft_live(config, live));
}

bool live_rules_present(Backend backend, const Config& config, const LiveRules& live) {
  if (found_backend(backend) == Backend::iptables) return iptables_has(config, live);
  return nft_counts(listed_nft_table()) == nft_counts(render_nft_live(config, live));
}

}  // namespace tollgate
