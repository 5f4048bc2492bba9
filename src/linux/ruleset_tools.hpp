// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "linux/command.hpp"
#include "linux/ruleset_apply.hpp"
#include "tollgate/base/time.hpp"

// The programs that load rules, and what they say.
namespace tollgate {

inline constexpr Duration kRulesetCommandLimit = std::chrono::seconds{30};

using Done = Result<bool, ApplyError>;

// The iptables programs of one family, and nft's name for it.
struct Tools {
  Family family;
  const char* main;
  const char* save;
  const char* restore;
  const char* nft_family;
};

// A kernel without IPv6 (ipv6.disable=1) has no packets to ask about and refuses its tables.
std::vector<Tools> families();

// What the command said, or that it failed without a word.
std::string complaint(const std::string& command, const Result<CommandOutput, std::string>& result);
// True when it went well.
Done run_tool(const std::vector<std::string>& argv, std::string_view input);
// `text` for iptables-restore; false when there is none.
Done restore(const Tools& tools, const std::string& text);

// `nft list` of our table; "" when there is none, or no nft.
std::string listed_nft_table();

}  // namespace tollgate
