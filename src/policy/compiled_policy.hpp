// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "list_reader.hpp"
#include "rule_index.hpp"
#include "rule_reader.hpp"
#include "rule_tests.hpp"
#include "tollgate/policy/policy.hpp"

namespace tollgate {

inline constexpr std::size_t kDirections = static_cast<std::size_t>(Direction::count_);

// What the files of a policy say, checked and in order. Policies that differ by added and expired rules
// share it.
struct PolicyParts {
  std::vector<Rule> rules;  // also those that have expired
  std::vector<std::string> list_names;
  std::vector<PolicyList> lists;                                    // as list_names
  Diagnostics skipped;                                              // lines of lists
  std::shared_ptr<const PlaceDatabase> country_places, asn_places;  // null where [places] names none
  std::shared_ptr<const SuffixList> suffixes;                       // null where no rule asks for it
  std::array<Verdict, kDirections> defaults{Verdict::permanent_accept, Verdict::permanent_block,
                                            Verdict::permanent_drop};
  // What rules that are added later may name, and may not.
  ListNames lists_by_name;
  RulePlaces rule_places;
};

class CompiledPolicy final : public Policy {
 public:
  explicit CompiledPolicy(PolicyParts parts);  // with all its rules
  // `rules` are those in force, and speak of the parts' lists. `suffixes`: as the parts' or, where only
  // added rules ask for it, theirs.
  CompiledPolicy(std::shared_ptr<const PolicyParts> parts, std::shared_ptr<const SuffixList> suffixes,
                 std::vector<Rule> rules);
  // The tests point into the parts.
  CompiledPolicy(const CompiledPolicy&) = delete;
  CompiledPolicy& operator=(const CompiledPolicy&) = delete;

  std::span<const Rule> rules() const override { return rules_; }
  Verdict default_verdict(Direction direction) const override {
    return parts_->defaults[static_cast<std::size_t>(direction)];
  }
  std::vector<std::string> lists() const override { return parts_->list_names; }
  std::span<const Diagnostic> skipped() const override { return parts_->skipped; }
  std::optional<Time> next_expiry() const override { return next_expiry_; }
  Result<PolicyPointer, Diagnostics> with_added(const PolicyText& added, const PolicyFeatures& features,
                                                PolicySources& sources) const override;
  FirstMatch match(const Evidence& seen) const override;
  FirstMatch match_name(const Evidence& seen) const override;
  bool same_layer(const Policy& other, Direction direction, Family family) const override;
  std::vector<TriedRule> explain(const Evidence& seen) const override;

 private:
  // The evidence as it is compared, with the places and names that rules ask for.
  Probe probe(const Evidence& seen) const;
  Known<std::string_view> registrable(const Known<std::string_view>& domain) const;

  std::shared_ptr<const PolicyParts> parts_;
  std::shared_ptr<const SuffixList> suffixes_;
  std::vector<Rule> rules_;
  std::optional<Time> next_expiry_;
  bool asks_countries_ = false, asks_asns_ = false, asks_registrable_ = false;  // some rule does
  RuleTests tests_;
  std::array<RuleIndex, kDirections> indexes_;
  std::vector<std::uint32_t> name_rules_;  // that questions meet, up to the last that may refuse one
};

}  // namespace tollgate
