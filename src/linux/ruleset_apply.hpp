// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "tollgate/base/result.hpp"
#include "tollgate/config/config.hpp"
#include "tollgate/ruleset/live_rules.hpp"

namespace tollgate {

// What an external command said when it failed, or why it could not be run; one or more lines.
struct ApplyError {
  std::string message;
};

// Loads the ruleset into the network namespace; what was ours is replaced, what is others' is not
// touched. Atomic per dialect and table; doing it twice is doing it once. `automatic` tries nft and
// takes iptables where the kernel has no nft `queue`. Returns the backend that holds the rules.
Result<Backend, ApplyError> apply_ruleset(const Config& config, const LiveRules& live = {});

// Replaces the parts that change while the daemon runs, in rules that are loaded. `automatic`: in
// whichever dialect they are.
Result<bool, ApplyError> update_live_rules(Backend backend, const Config& config, const LiveRules& live);
// True when as many sockets and interfaces stand in these rules as `live` wants there: somebody who
// loads the rules anew loads them without.
bool live_rules_present(Backend backend, const Config& config, const LiveRules& live);

// Takes everything of ours away, of both dialects, whoever put it there, also without a daemon.
// Waits, a bounded time, until no packet waits in any queue before a base chain of ours goes.
// Nothing there is fine. Returns an error when something of ours is left.
Result<bool, ApplyError> remove_ruleset();  // true: there was something

// True when the rules of this backend are in place, all chains and jumps.
bool ruleset_present(Backend backend);

}  // namespace tollgate
