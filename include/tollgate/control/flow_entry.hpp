// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tollgate/control/messages.hpp"
#include "tollgate/engine/engine.hpp"
#include "tollgate/engine/observer.hpp"

namespace tollgate {

// A flow of this engine, in words.
ProcessEntry describe(const Process& process);
FlowEntry describe(const Engine& engine, const Flow& flow, const FlowOwner& owner = {});
// A rule, but for what only the engine knows of it.
RuleEntry describe(const Rule& rule);
// And what was observed of it.
void describe(const Observed& observed, FlowEntry& entry);
// What the engine's policy says to such a flow, and why.
Explanation explain(const Policy& policy, const ExplainRequest& request);

}  // namespace tollgate
