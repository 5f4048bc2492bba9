// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tollgate/ruleset/ruleset.hpp"

namespace tollgate {

// What matters to us of one table, as iptables-save prints it (or as our own renderer does).
struct IptablesTable {
  std::map<std::string, std::string> built_in;  // chain → policy
  std::set<std::string> ours;                   // our chains
  std::set<std::string> other_chains;           // user-defined chains of others
  std::set<std::string> used;                   // chains with a rule in them
  std::set<std::string> hooked;                 // built-in chains that the text inserts a rule into
  // Rules that lead from a chain of others into one of ours, without their "-A ".
  std::vector<std::string> jumps;

  bool has_jump(std::string_view built_in_chain) const;
};

using IptablesDump = std::map<std::string, IptablesTable>;

IptablesDump parse_iptables(std::string_view text);

// Base chains that really are there, by table. iptables-save shows built-in chains that nobody has
// created; `nft list chains FAMILY` does not.
using BaseChains = std::map<std::string, std::set<std::string>>;
BaseChains parse_nft_chains(std::string_view text);

// A built-in chain that was not there before us stands behind this prefix, as an empty chain of ours,
// until remove_ruleset: iptables-nft creates base chains as it needs them.
inline constexpr std::string_view kMadePrefix = "TOLLGATE-MADE-";

// The jumps that are not in place yet.
IptablesJumps missing_jumps(const IptablesDump& dump);

// Text for iptables-restore --noflush. "" when there is nothing to do.
// Takes away our chains, and the jumps into them, that `keep` does not declare.
std::string removal_text(const IptablesDump& dump, std::string_view table, const IptablesDump& keep);
// Notes the built-in chains that `text` will create.
std::string made_text(const BaseChains& before, const IptablesDump& text);
// Deletes the noted ones of `table` that are there and still as they were created: empty, accepting.
// `noted` is from before our chains were taken away.
std::string unmade_text(const IptablesTable& noted, const IptablesTable& now, const BaseChains& present,
                        std::string_view table);

// Every chain has the jump that leads to it, and the chains that both asking and answering need are
// there.
bool complete(const IptablesDump& dump);

}  // namespace tollgate
