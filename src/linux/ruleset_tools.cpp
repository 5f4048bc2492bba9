// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/ruleset_tools.hpp"

#include <unistd.h>

#include "tollgate/ruleset/ruleset.hpp"

namespace tollgate {
namespace {

constexpr Tools kTools4{Family::ipv4, "iptables", "iptables-save", "iptables-restore", "ip"};
constexpr Tools kTools6{Family::ipv6, "ip6tables", "ip6tables-save", "ip6tables-restore", "ip6"};

}  // namespace

std::vector<Tools> families() {
  if (::access("/proc/thread-self/net/if_inet6", F_OK) != 0) return {kTools4};
  return {kTools6, kTools4};
}

std::string complaint(const std::string& command, const Result<CommandOutput, std::string>& result) {
  if (!result.ok()) return result.error();
  std::string said = result->err.empty() ? result->out : result->err;
  while (!said.empty() && said.back() == '\n') said.pop_back();
  if (said.empty()) said = "failed with status " + std::to_string(result->status);
  return command + ": " + said;
}

Done run_tool(const std::vector<std::string>& argv, std::string_view input) {
  const auto result = run_command(argv, input, kRulesetCommandLimit);
  if (result.ok() && result->ok()) return true;
  return ApplyError{complaint(argv.front(), result)};
}

Done restore(const Tools& tools, const std::string& text) {
  if (text.empty()) return false;
  return run_tool({tools.restore, "--noflush", "--wait", "5"}, text);
}

std::string listed_nft_table() {
  const auto listed = run_command({"nft", "list", "table", "inet", kNftTable}, "", kRulesetCommandLimit);
  return listed.ok() && listed->ok() ? listed->out : std::string{};
}

}  // namespace tollgate
