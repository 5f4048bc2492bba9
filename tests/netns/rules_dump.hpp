// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <regex>
#include <sstream>
#include <string>

#include "process.hpp"

// The rules of the thread's namespace, everybody's.
namespace tollgate::test {

// All that nft and iptables show, byte for byte, but for iptables-save's comments with dates and the
// counts of packets, which tell what passed and not what is there.
inline std::string dump_rules() {
  static const std::regex counts{"counter packets [0-9]+ bytes [0-9]+"};
  std::string all = std::regex_replace(must_run({"nft", "list", "ruleset"}), counts, "counter");
  for (const char* program : {"iptables-save", "ip6tables-save"}) {
    std::istringstream lines{must_run({program})};
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with('#')) continue;
      if (line.starts_with(':')) line.erase(line.find('['));
      all += line + '\n';
    }
  }
  return all;
}

// Puts rules of somebody else there, of both dialects, in the chains and hooks that ours use too.
// They match nothing, so their counters stand still. What dump_rules says then.
inline std::string others_rules() {
  const std::string nobody = "192.0.2.99";
  for (const char* table : {"mangle", "filter"}) {
    must_run({"iptables", "-t", table, "-A", "OUTPUT", "-d", nobody, "-j", "ACCEPT"});
    must_run({"iptables", "-t", table, "-A", "INPUT", "-s", nobody, "-j", "DROP"});
    must_run({"ip6tables", "-t", table, "-A", "OUTPUT", "-d", "2001:db8::99", "-j", "ACCEPT"});
  }
  must_run({"iptables", "-N", "SOMEBODY"});
  must_run({"iptables", "-A", "FORWARD", "-s", nobody, "-j", "SOMEBODY"});
  must_run({"nft",
            "table inet somebody { set s { type ipv4_addr; elements = { 192.0.2.98 }; }; chain c { type "
            "filter hook "
            "output priority -150; policy accept; ip daddr @s drop; }; }"});
  return dump_rules();
}

}  // namespace tollgate::test
