// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/ruleset_apply.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

#include "linux/iptables_dump.hpp"
#include "linux/queue_statistics.hpp"
#include "linux/ruleset_tools.hpp"
#include "tollgate/ruleset/ruleset.hpp"

namespace tollgate {
namespace {

using namespace std::chrono_literals;

// How long removal waits for packets in queues. A daemon that still answers needs far less; one that
// does not answer at all would hold them for ever.
constexpr Duration kQueueLimit = 3s;
constexpr Duration kQueuePoll = 20ms;

// --- queues ------------------------------------------------------------------------------------

// Packets in all queues of this network namespace: third column, queue_total
// (net/netfilter/nfnetlink_queue.c, seq_show).
std::uint64_t waiting_packets() {
  std::ifstream queues{"/proc/thread-self/net/netfilter/nfnetlink_queue"};
  std::uint64_t all = 0;
  for (std::string line; std::getline(queues, line);) {
    if (const auto queue = parse_queue_statistics(line)) all += queue->waiting;
  }
  return all;
}

bool queues_empty_in_time() {
  for (Duration waited{}; waited < kQueueLimit; waited += kQueuePoll) {
    if (waiting_packets() == 0) return true;
    std::this_thread::sleep_for(kQueuePoll);
  }
  return waiting_packets() == 0;
}

std::string left_for_packets() {
  return " is left, without effect: " + std::to_string(waiting_packets()) +
         " packets wait in queues and would be dropped with it";
}

// --- nft ---------------------------------------------------------------------------------------

constexpr const char* kTable = "table inet tollgate";

// Names of the chains of our table; empty when there is none, or no nft.
struct NftState {
  bool present = false;
  std::vector<std::string> chains;
  std::string text;
};

NftState nft_state() {
  NftState state;
  state.text = listed_nft_table();
  state.present = !state.text.empty();
  std::istringstream lines{state.text};
  for (std::string line; std::getline(lines, line);) {
    constexpr std::string_view kChain = "\tchain ";
    if (line.starts_with(kChain)) {
      state.chains.push_back(line.substr(kChain.size(), line.find(" {") - kChain.size()));
    }
  }
  return state;
}

// Whether this kernel has nft's queue statement. Asked with a chain that no hook has: a transaction that
// fails takes its base chains back, and every packet that waits in the namespace is dropped with them.
Done nft_queues() {
  return run_tool({"nft", "--check", "-f", "-"},
                  "table inet tollgate_probe { chain ask { queue num 0; }; }\n");
}

Done apply_nft(const Config& config, const LiveRules& live) {
  return run_tool({"nft", "-f", "-"}, render_nft(config, live));
}

Done remove_nft() {
  const NftState state = nft_state();
  if (!state.present) return false;
  // What asks goes first; what carries answers out stays until the last packet has its answer.
  std::string flushes;
  for (const std::string& chain : state.chains) {
    if (chain.starts_with("ask_")) flushes += "flush chain inet tollgate " + chain + "\n";
  }
  if (Done done = run_tool({"nft", "-f", "-"}, flushes); !done.ok()) return done;
  if (!queues_empty_in_time()) {
    // Conntrack leaves its hooks with the last rule that uses it, and takes what waits along too.
    const Done done = run_tool({"nft", "-f", "-"}, std::string{"flush "} + kTable +
                                                       "\nadd chain inet tollgate held\n"
                                                       "add rule inet tollgate held ct state new return\n");
    if (!done.ok()) return done;
    return ApplyError{std::string{kTable} + left_for_packets()};
  }
  return run_tool({"nft", "-f", "-"}, std::string{"delete "} + kTable + "\n");
}

// An empty chain is listed with its head only.
bool has_rules(const std::string& listed, const std::string& chain) {
  const std::size_t start = listed.find("\tchain " + chain + " {\n");
  if (start == std::string::npos) return false;
  std::istringstream lines{listed.substr(start)};
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line) && line != "\t}") {
    if (!line.starts_with("\t\ttype ")) return true;
  }
  return false;
}

bool nft_present() {
  const std::string listed = nft_state().text;
  for (const char* chain :
       {"ask_input", "ask_output", "ask", "whole", "answer_input", "answer_output", "answer"}) {
    if (!has_rules(listed, chain)) return false;
  }
  return listed.find("goto ask\n") != std::string::npos;
}

// --- iptables ----------------------------------------------------------------------------------

Result<IptablesDump, ApplyError> dump(const Tools& tools) {
  const auto saved = run_command({tools.save}, "", kRulesetCommandLimit);
  if (!saved.ok() || !saved->ok()) return ApplyError{complaint(tools.save, saved)};
  return parse_iptables(saved->out);
}

// "nf_tables" or "legacy", as `iptables --version` says.
bool is_of_kind(const Tools& tools, const char* kind) {
  const auto version = run_command({tools.main, "--version"}, "", kRulesetCommandLimit);
  return version.ok() && version->out.find(kind) != std::string::npos;
}

std::optional<BaseChains> base_chains(const Tools& tools) {
  const auto listed = run_command({"nft", "list", "chains", tools.nft_family}, "", kRulesetCommandLimit);
  if (!listed.ok() || !listed->ok()) return std::nullopt;
  return parse_nft_chains(listed->out);
}

// Without nft nothing is noted, and what loading creates stays.
std::string notes_of_made(const Tools& tools, const IptablesDump& wanted) {
  if (!is_of_kind(tools, "nf_tables")) return {};
  const auto before = base_chains(tools);
  return before ? made_text(*before, wanted) : std::string{};
}

bool any_of_ours(const IptablesDump& dump) {
  for (const auto& [name, table] : dump) {
    if (!table.ours.empty() || !table.jumps.empty()) return true;
  }
  return false;
}

// In this order nothing is asked whose answer nobody would carry out.
constexpr std::array<const char*, 3> kRemovalOrder{"mangle", "nat", "filter"};

Done apply_family(const Tools& tools, const Config& config, const LiveRules& live) {
  const auto before = dump(tools);
  if (!before.ok()) return before.error();
  const std::string text = render_iptables(config, tools.family, missing_jumps(*before), live);
  IptablesDump wanted = parse_iptables(text);
  if (Done done = restore(tools, notes_of_made(tools, wanted) + text); !done.ok()) return done;

  // Chains that this configuration does not have, and an earlier one had.
  const auto now = dump(tools);
  if (!now.ok()) return now.error();
  for (const auto& [name, table] : *now) {
    for (const std::string& chain : table.ours) {
      if (chain.starts_with(kMadePrefix)) wanted[name].ours.insert(chain);
    }
  }
  for (const char* table : kRemovalOrder) {
    if (Done done = restore(tools, removal_text(*now, table, wanted)); !done.ok()) return done;
  }
  return true;
}

Done remove_chains(const Tools& tools, const IptablesDump& dump, std::string_view table,
                   const IptablesDump& keep = {}) {
  return restore(tools, removal_text(dump, table, keep));
}

// What stays while packets wait: a chain that nothing leads to and that uses conntrack, which leaves
// its hooks with the last rule that does and takes what waits along; and what we noted.
constexpr const char* kHeldChain = "TOLLGATE-HELD";
constexpr const char* kHeld =
    "*filter\n:TOLLGATE-HELD - [0:0]\n-A TOLLGATE-HELD -m conntrack --ctstate NEW -j RETURN\nCOMMIT\n";

IptablesDump held(const IptablesDump& dump) {
  IptablesDump keep;
  for (const auto& [name, table] : dump) {
    for (const std::string& chain : table.ours) {
      if (chain.starts_with(kMadePrefix)) keep[name].ours.insert(chain);
    }
  }
  keep["filter"].ours.insert(kHeldChain);
  return keep;
}

// Built-in chains and tables that our own loading created and nobody uses. Leaving them does no harm,
// so what does not work is left.
void remove_made(const Tools& tools, const IptablesDump& noted) {
  const auto now = dump(tools);
  const auto present = base_chains(tools);
  if (!now.ok() || !present) return;
  for (const auto& [name, table] : *now) {
    const auto was = noted.find(name);
    if (was == noted.end()) continue;
    const Done done = restore(tools, unmade_text(was->second, table, *present, name));
    if (!done.ok() || !*done) continue;
    const std::string header = std::string{"table "} + tools.nft_family + " " + name;
    const auto rest = run_command({"nft", "list", "table", tools.nft_family, name}, "", kRulesetCommandLimit);
    if (rest.ok() && rest->out == header + " {\n}\n") {
      const Done deleted = run_tool({"nft", "-f", "-"}, "delete " + header + "\n");
      if (!deleted.ok()) continue;  // somebody was faster
    }
  }
}

Done remove_iptables() {
  struct Found {
    Tools tools;
    IptablesDump dump;
  };
  std::vector<Found> found;
  for (const Tools& tools : families()) {
    const auto listed = run_command({tools.save}, "", kRulesetCommandLimit);
    // Killed: it says nothing about what is loaded. Any other failure: no such tables, or no such tool.
    if (listed.ok() && listed->status > 128) return ApplyError{complaint(tools.save, listed)};
    if (!listed.ok() || !listed->ok()) continue;
    IptablesDump loaded_now = parse_iptables(listed->out);
    if (any_of_ours(loaded_now)) found.push_back({tools, std::move(loaded_now)});
  }
  if (found.empty()) return false;
  for (const Found& family : found) {
    if (Done done = remove_chains(family.tools, family.dump, "mangle"); !done.ok()) return done;
  }
  // A packet that waits still needs the chains that carry its answer out; and a base chain that is
  // deleted would take it along.
  const bool empty = queues_empty_in_time();
  for (const Found& family : found) {
    if (!empty) {
      if (Done done = restore(family.tools, kHeld); !done.ok()) return done;
    }
    const IptablesDump keep = empty ? IptablesDump{} : held(family.dump);
    for (const char* table : {"nat", "filter"}) {
      if (Done done = remove_chains(family.tools, family.dump, table, keep); !done.ok()) return done;
    }
    if (empty) remove_made(family.tools, family.dump);
  }
  if (!empty) return ApplyError{std::string{"chain "} + kHeldChain + left_for_packets()};
  return true;
}

Done apply_iptables(const Config& config, const LiveRules& live) {
  bool there_before = false;
  for (const Tools& tools : families()) {
    const auto before = dump(tools);
    if (before.ok() && any_of_ours(*before)) there_before = true;
  }
  for (const Tools& tools : families()) {
    Done done = apply_family(tools, config, live);
    if (done.ok()) continue;
    // Half a ruleset is worse than none, unless an older whole one stands behind it.
    if (!there_before) {
      if (const Done undone = remove_iptables(); !undone.ok()) {
        return ApplyError{done.error().message + "\n" + undone.error().message};
      }
    }
    return done;
  }
  return true;
}

// A capability is not enough for the legacy iptables: it wants root's lock file and a raw socket.
Done apply_iptables_as_who_we_are(const Config& config, const LiveRules& live) {
  Done done = apply_iptables(config, live);
  if (done.ok() || ::geteuid() == 0 || !is_of_kind(families().back(), "legacy")) return done;
  return ApplyError{
      done.error().message +
      "\nthis iptables is the legacy one, which only root can use: choose nft or iptables-nft, or "
      "set ruleset = \"none\" and let tollgate-base.service load the rules"};
}

bool iptables_present() {
  for (const Tools& tools : families()) {
    const auto saved = dump(tools);
    if (!saved.ok() || !complete(*saved)) return false;
  }
  return true;
}

Result<Backend, ApplyError> loaded(Backend backend, const Done& done,
                                   const std::function<Done()>& remove_other) {
  if (!done.ok()) return done.error();
  // Never both: every packet would be asked about twice.
  if (const Done removed = remove_other(); !removed.ok()) return removed.error();
  return backend;
}

}  // namespace

Result<Backend, ApplyError> apply_ruleset(const Config& config, const LiveRules& live) {
  const auto nft = [&] { return loaded(Backend::nft, apply_nft(config, live), remove_iptables); };
  const auto iptables = [&] {
    return loaded(Backend::iptables, apply_iptables_as_who_we_are(config, live), remove_nft);
  };
  switch (config.backend) {
    case Backend::nft:
      return nft();
    case Backend::iptables:
      return iptables();
    case Backend::automatic:
      break;
  }
  const Done possible = nft_queues();
  auto first = possible.ok() ? nft() : Result<Backend, ApplyError>{possible.error()};
  if (first.ok()) return first;
  auto second = iptables();
  if (second.ok()) return second;
  return ApplyError{first.error().message + "\n" + second.error().message};
}

Result<bool, ApplyError> remove_ruleset() {
  const Done iptables = remove_iptables();
  const Done nft = remove_nft();
  if (!iptables.ok() && !nft.ok()) return ApplyError{iptables.error().message + "\n" + nft.error().message};
  if (!iptables.ok()) return iptables;
  if (!nft.ok()) return nft;
  return *iptables || *nft;
}

bool ruleset_present(Backend backend) {
  switch (backend) {
    case Backend::nft:
      return nft_present();
    case Backend::iptables:
      return iptables_present();
    case Backend::automatic:
      return nft_present() || iptables_present();
  }
  return false;
}

}  // namespace tollgate
