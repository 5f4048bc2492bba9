// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/iptables_dump.hpp"

#include <array>

namespace tollgate {
namespace {

constexpr std::array<std::string_view, 5> kHooks{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"};

bool is_ours(std::string_view chain) { return chain.starts_with(kChainPrefix); }
std::string our_chain(std::string_view hook) { return std::string{kChainPrefix} + std::string{hook}; }

std::string_view first_word(std::string_view text) { return text.substr(0, text.find(' ')); }

void parse_chain(std::string_view text, IptablesTable& table) {
  const std::string name{first_word(text)};
  const std::string_view rest = text.substr(std::min(name.size() + 1, text.size()));
  const std::string policy{first_word(rest)};
  if (is_ours(name)) {
    table.ours.insert(name);
  } else if (policy == "-") {
    table.other_chains.insert(name);
  } else {
    table.built_in[name] = policy;
  }
}

void parse_rule(std::string_view text, IptablesTable& table) {
  const std::string_view chain = first_word(text);
  table.used.emplace(chain);
  if (is_ours(chain)) return;
  for (const std::string_view target : {" -j ", " -g "}) {
    const std::size_t at = text.rfind(target);
    if (at == std::string_view::npos) continue;
    if (is_ours(text.substr(at + target.size()))) table.jumps.emplace_back(text);
  }
}

// Chains that belong to built-in ones; the others are called by these.
bool is_hooked(std::string_view chain) {
  for (const std::string_view hook : kHooks) {
    if (chain == our_chain(hook)) return true;
  }
  return false;
}

}  // namespace

bool IptablesTable::has_jump(std::string_view hook) const {
  const std::string wanted = std::string{hook} + " -j " + our_chain(hook);
  for (const std::string& jump : jumps) {
    if (jump == wanted) return true;
  }
  return false;
}

IptablesDump parse_iptables(std::string_view text) {
  IptablesDump dump;
  IptablesTable* table = nullptr;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with('*')) {
      table = &dump[std::string{line.substr(1)}];
    } else if (table != nullptr && line.starts_with(':')) {
      parse_chain(line.substr(1), *table);
    } else if (table != nullptr && line.starts_with("-A ")) {
      parse_rule(line.substr(3), *table);
    } else if (table != nullptr && line.starts_with("-I ")) {
      table->hooked.emplace(first_word(line.substr(3)));
    }
  }
  return dump;
}

BaseChains parse_nft_chains(std::string_view text) {
  constexpr std::string_view kTable = "table ", kChain = "\tchain ", kHook = "\t\ttype ";
  BaseChains chains;
  std::string table, chain;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with(kTable)) {  // "table ip mangle {"
      const std::string_view name = line.substr(line.find(' ', kTable.size()) + 1);
      table = first_word(name);
    } else if (line.starts_with(kChain)) {
      chain = first_word(line.substr(kChain.size()));
    } else if (line.starts_with(kHook)) {
      chains[table].insert(chain);
    }
  }
  return chains;
}

IptablesJumps missing_jumps(const IptablesDump& dump) {
  const auto missing = [&](const char* table, std::string_view hook) {
    const auto found = dump.find(table);
    return found == dump.end() || !found->second.has_jump(hook);
  };
  IptablesJumps jumps;
  jumps.mangle_prerouting = missing("mangle", "PREROUTING");
  jumps.mangle_input = missing("mangle", "INPUT");
  jumps.mangle_forward = missing("mangle", "FORWARD");
  jumps.mangle_output = missing("mangle", "OUTPUT");
  jumps.nat_prerouting = missing("nat", "PREROUTING");
  jumps.nat_output = missing("nat", "OUTPUT");
  jumps.filter_input = missing("filter", "INPUT");
  jumps.filter_forward = missing("filter", "FORWARD");
  jumps.filter_output = missing("filter", "OUTPUT");
  return jumps;
}

std::string removal_text(const IptablesDump& dump, std::string_view table, const IptablesDump& keep) {
  const auto found = dump.find(std::string{table});
  if (found == dump.end()) return {};
  const auto kept = keep.find(found->first);
  const auto stays = [&](std::string_view chain) {
    return kept != keep.end() && kept->second.ours.contains(std::string{chain});
  };
  std::string jumps, flushes, deletions;
  for (const std::string& jump : found->second.jumps) {
    if (!stays(jump.substr(jump.rfind(' ') + 1))) jumps += "-D " + jump + "\n";
  }
  for (const std::string& chain : found->second.ours) {
    if (stays(chain)) continue;
    flushes += ":" + chain + " - [0:0]\n";  // to declare a chain is to flush it
    deletions += "-X " + chain + "\n";
  }
  if (jumps.empty() && flushes.empty()) return {};
  return "*" + found->first + "\n" + flushes + jumps + deletions + "COMMIT\n";
}

std::string made_text(const BaseChains& before, const IptablesDump& text) {
  std::string made;
  for (const auto& [name, table] : text) {
    const auto found = before.find(name);
    std::string notes;
    for (const std::string& chain : table.hooked) {
      if (found != before.end() && found->second.contains(chain)) continue;
      notes += ":" + std::string{kMadePrefix} + chain + " - [0:0]\n";
    }
    if (!notes.empty()) made += "*" + name + "\n" + notes + "COMMIT\n";
  }
  return made;
}

std::string unmade_text(const IptablesTable& noted, const IptablesTable& now, const BaseChains& present,
                        std::string_view table) {
  const auto there = present.find(std::string{table});
  if (there == present.end()) return {};
  std::string deletions;
  for (const std::string& chain : there->second) {
    const auto built_in = now.built_in.find(chain);
    const bool made = noted.ours.contains(std::string{kMadePrefix} + chain);
    const bool untouched =
        built_in != now.built_in.end() && built_in->second == "ACCEPT" && !now.used.contains(chain);
    if (made && untouched) deletions += "-X " + chain + "\n";
  }
  return deletions.empty() ? deletions : "*" + std::string{table} + "\n" + deletions + "COMMIT\n";
}

bool complete(const IptablesDump& dump) {
  for (const char* table : {"mangle", "filter"}) {
    const auto found = dump.find(table);
    if (found == dump.end()) return false;
    for (const std::string_view hook : {"INPUT", "OUTPUT"}) {
      if (!found->second.used.contains(our_chain(hook))) return false;
    }
  }
  for (const auto& [name, table] : dump) {
    for (const std::string& chain : table.ours) {
      if (is_hooked(chain) && !table.has_jump(chain.substr(std::string_view{kChainPrefix}.size())))
        return false;
    }
  }
  return true;
}

}  // namespace tollgate
