// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <variant>

#include "tollgate/flow/flow.hpp"
#include "tollgate/flow/verdict.hpp"
#include "tollgate/policy/evidence.hpp"
#include "tollgate/policy/policy.hpp"

namespace tollgate {

struct Decided {
  Verdict verdict = Verdict::accept;
  Reason reason = Reason::default_verdict;
  Stage stage = Stage::link;
  std::uint32_t rule = kNoRule;  // index into the policy's rules
};

// No answer yet: evidence is missing, or somebody is asked.
struct Waits {
  std::uint32_t rule = kNoRule;  // that waits
};

using Decision = std::variant<Decided, Waits>;

// Stages 3 to 5 of DESIGN.md §4. Pure. What depends on first bytes that are not there yet is accepted so far,
// with Reason::inspecting and the rule that waits for them.
Decision decide(const Policy& policy, const Evidence& seen);

}  // namespace tollgate
