// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/engine/decide.hpp"

namespace tollgate {

Decision decide(const Policy& policy, const Evidence& seen) {
  // 1 and 2. Before and after resolving: no DNS messages are read yet.
  // 3 and 4. Communication and link: one ordered list of rules serves both. A rule's stage is the
  // earliest at which all that it speaks of is known, and says where the decision fell. First match
  // wins; a rule that waits for evidence hides those below it.
  const FirstMatch first = policy.match(seen);
  switch (first.match) {
    case Match::yes: {
      const Rule& rule = policy.rules()[first.rule];
      return Decided{given_verdict(rule, seen), Reason::rule, rule.stage, first.rule};
    }
    case Match::unknown:
      return Waits{first.rule};
    case Match::inspects:
      // 5. Inspection: the rule, and those below it, wait for what the first bytes say.
      return Decided{Verdict::accept, Reason::inspecting, Stage::inspection, first.rule};
    case Match::no:
      break;
  }
  // 6. Nothing matched.
  return Decided{policy.default_verdict(seen.direction), Reason::default_verdict, Stage::link, kNoRule};
}

}  // namespace tollgate
