// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "address_list.hpp"
#include "rule_index.hpp"
#include "rule_tests.hpp"
#include "tollgate/policy/policy.hpp"

namespace tollgate {

inline constexpr std::size_t kDirections = static_cast<std::size_t>(Direction::count_);

// What a policy is made of, checked and in order.
struct PolicyParts {
  std::vector<Rule> rules;
  std::vector<std::string> list_names;
  std::vector<AddressList> lists;  // as list_names
  std::array<Verdict, kDirections> defaults{Verdict::permanent_accept, Verdict::permanent_block,
                                            Verdict::permanent_drop};
};

class CompiledPolicy final : public Policy {
 public:
  explicit CompiledPolicy(PolicyParts parts);
  // The tests point into the parts.
  CompiledPolicy(const CompiledPolicy&) = delete;
  CompiledPolicy& operator=(const CompiledPolicy&) = delete;

  std::span<const Rule> rules() const override { return parts_.rules; }
  Verdict default_verdict(Direction direction) const override {
    return parts_.defaults[static_cast<std::size_t>(direction)];
  }
  std::vector<std::string> lists() const override { return parts_.list_names; }
  FirstMatch match(const Evidence& seen) const override;
  bool same_layer(const Policy& other, Direction direction, Family family) const override;
  std::vector<TriedRule> explain(const Evidence& seen) const override;

 private:
  PolicyParts parts_;
  RuleTests tests_;
  std::array<RuleIndex, kDirections> indexes_;
};

}  // namespace tollgate
