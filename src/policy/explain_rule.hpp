// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>
#include <string>
#include <vector>

#include "list_reader.hpp"
#include "probe.hpp"
#include "tollgate/policy/policy.hpp"

namespace tollgate {

struct RuleAnswer {
  Match match = Match::no;
  std::string why;
};

// "is not 443", "is none of 80, 443", and for long enumerations "is none of 80, 443 and 7 more".
std::string is_not(const std::vector<std::string>& values);

// One rule against the evidence and the places of its remote end and what of its domain is registered, field
// by field as the rule was written and by nothing that was compiled from it: what match() says is held
// against this.
RuleAnswer explain_rule(const Rule& rule, std::span<const std::string> list_names,
                        std::span<const PolicyList> lists, const Probe& probe);

}  // namespace tollgate
