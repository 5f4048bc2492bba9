// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tollgate/control/messages.hpp"
#include "tollgate/engine/engine.hpp"

namespace tollgate {

// A flow of this engine, in words.
FlowEntry describe(const Engine& engine, const Flow& flow);
// What the engine's policy says to such a flow, and why.
Explanation explain(const Policy& policy, const ExplainRequest& request);

}  // namespace tollgate
