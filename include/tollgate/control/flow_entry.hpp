// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tollgate/control/messages.hpp"
#include "tollgate/engine/engine.hpp"
#include "tollgate/engine/observer.hpp"
#include "tollgate/process/socket_census.hpp"

namespace tollgate {

ProcessEntry describe(const Process& process);
// A flow of this engine, in words: one of its table, or one that has changed, as it was then.
FlowEntry describe(const Engine& engine, FlowIndex index);
FlowEntry describe(const Engine& engine, const FlowChanged& change);
// Those who hold its socket; `whole`: all of them.
void describe(const std::vector<SocketHolder>& holders, bool whole, FlowEntry& entry);
// A rule, but for what only the engine knows of it.
RuleEntry describe(const Rule& rule);
// What the engine's policy says to such a flow, and why.
Explanation explain(const Policy& policy, const ExplainRequest& request);

}  // namespace tollgate
