// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tollgate/config/config.hpp"
#include "tollgate/engine/engine.hpp"
#include "tollgate/policy/policy.hpp"

namespace tollgate {

// What of the configuration the engine and the policy go by, in the daemon as in the command line.
EngineOptions engine_options(const Config& config);
PolicyFeatures policy_features(const Config& config);

}  // namespace tollgate
