// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "page.hpp"
#include "tollgate/process/process_texts.hpp"

namespace tollgate::cli {

// What the command line said, as it said it: every option of every command. Commands make sense of
// the words themselves, with the readers of words.hpp.
struct Invocation {
  std::string socket = "/run/tollgate/tollgate.sock";
  std::string config = "/etc/tollgate/tollgate.toml";
  bool config_given = false;
  bool json = false;
  bool watch = false;
  std::vector<std::string> files;  // check

  // A flow, or what flows are filtered by.
  std::optional<std::string> protocol, direction, verdict, state, rule, address, interface;
  std::optional<std::string> source, destination, port, source_port, user, group, domain, name_source;
  std::optional<std::string> sni, protocol_seen, encrypted;  // what its first bytes say: explain
  std::vector<std::string> alpn;
  bool name_mismatch = false;
  std::vector<std::uint64_t> ids;  // flows, revoke, kill
  bool all = false;                // revoke, kill
  bool holders = false;            // flows

  // Of its process.
  std::optional<std::string> pid;
  ProcessTexts who;
  std::optional<std::string> by;  // flows

  std::vector<std::string> fields;   // rule add: KEY=VALUE
  std::optional<std::string> lasts;  // rule add
  std::string rule_name;             // rule remove
  std::optional<std::string> policy;
  std::optional<std::string> backend, family;  // ruleset print
  std::vector<std::string> local;              // replay
  std::string capture;
};

// Each returns the exit status, or throws Failure.
int run_status(const Invocation& asked, Page& page);
int run_flows(const Invocation& asked, Page& page);
int run_revoke(const Invocation& asked, Page& page);
int run_kill(const Invocation& asked, Page& page);
int run_rule_add(const Invocation& asked, Page& page);
int run_rule_list(const Invocation& asked, Page& page);
int run_rule_remove(const Invocation& asked, Page& page);
int run_reload(const Invocation& asked, Page& page);
int run_check(const Invocation& asked, Page& page);
int run_explain(const Invocation& asked, Page& page);
int run_ruleset_print(const Invocation& asked, Page& page);
int run_ruleset_apply(const Invocation& asked, Page& page);
int run_ruleset_remove(const Invocation& asked, Page& page);
int run_replay(const Invocation& asked, Page& page);
int run_version(const Invocation& asked, Page& page);

}  // namespace tollgate::cli
