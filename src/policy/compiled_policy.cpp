// SPDX-License-Identifier: GPL-2.0-or-later
#include "compiled_policy.hpp"

#include <algorithm>

#include "explain_rule.hpp"

namespace tollgate {

namespace {

// What a rule says of links alone refuses no name: a program whose questions another one asks (a resolver of
// this machine) would be refused with it.
bool may_refuse(const Rule& rule, Stage at) {
  if (lets_pass(rule.verdict)) return false;
  if (rule.for_names() || !rule.domains.any() || !rule.registrable_domains.any()) return true;
  const bool addresses = !rule.destination.any() || !rule.address.any() || !rule.scopes.empty() ||
                         !rule.countries.any() || !rule.asns.any();
  return at == Stage::after_resolving && addresses;
}

// The question's own flow goes to the nameserver by that verdict: it says nothing of what follows.
bool concerns_names(const Rule& rule) {
  return rule.directions.contains(Direction::outbound) && rule.verdict != Verdict::reroute_nameserver &&
         (!rule.pinned || rule.for_names());
}

std::vector<std::uint32_t> name_rules(std::span<const Rule> rules) {
  std::vector<std::uint32_t> found;
  std::size_t needed = 0;
  for (std::uint32_t number = 0; number < rules.size(); ++number) {
    if (!concerns_names(rules[number])) continue;
    found.push_back(number);
    if (may_refuse(rules[number], Stage::after_resolving)) needed = found.size();
  }
  found.resize(needed);
  found.shrink_to_fit();
  return found;
}

}  // namespace

CompiledPolicy::CompiledPolicy(PolicyParts parts)
    : CompiledPolicy{std::make_shared<const PolicyParts>(parts), parts.suffixes, parts.rules} {}

CompiledPolicy::CompiledPolicy(std::shared_ptr<const PolicyParts> parts,
                               std::shared_ptr<const SuffixList> suffixes, std::vector<Rule> rules)
    : parts_{std::move(parts)},
      suffixes_{std::move(suffixes)},
      rules_{std::move(rules)},
      tests_{rules_, parts_->lists},
      indexes_{RuleIndex{rules_, Direction::outbound}, RuleIndex{rules_, Direction::inbound},
               RuleIndex{rules_, Direction::forward}},
      name_rules_{name_rules(rules_)} {
  for (const Rule& rule : rules_) {
    if (rule.expires) next_expiry_ = std::min(next_expiry_.value_or(*rule.expires), *rule.expires);
    asks_countries_ = asks_countries_ || !rule.countries.any();
    asks_asns_ = asks_asns_ || !rule.asns.any();
    asks_registrable_ = asks_registrable_ || !rule.registrable_domains.any();
  }
}

Probe CompiledPolicy::probe(const Evidence& seen) const {
  Probe probe{seen};
  if (asks_countries_ && parts_->country_places) {
    if (const auto country = parts_->country_places->country(probe.remote_address()))
      probe.country = country->value;
  }
  if (asks_asns_ && parts_->asn_places) {
    if (const auto asn = parts_->asn_places->asn(probe.remote_address())) probe.asn = *asn;
  }
  if (asks_registrable_) probe.registrable = registrable(seen.domain);
  return probe;
}

Known<std::string_view> CompiledPolicy::registrable(const Known<std::string_view>& domain) const {
  if (!domain.is_known() || suffixes_ == nullptr)
    return domain.is_awaited() ? domain : Known<std::string_view>{};
  const std::string_view found = suffixes_->registrable(*domain);
  return found.empty() ? Known<std::string_view>{} : found;
}

bool asks_for(const Policy& policy, ProcessField field) {
  return std::ranges::any_of(policy.rules(),
                             [&](const Rule& rule) { return !rule.who[index_of(field)].any(); });
}

FirstMatch CompiledPolicy::match(const Evidence& seen) const {
  const Probe probe = this->probe(seen);
  FirstMatch best;
  auto before = static_cast<std::uint32_t>(rules_.size());  // only rules above it can be better
  indexes_[static_cast<std::size_t>(seen.direction)].each(probe, [&](RuleIds candidates) {
    for (const std::uint32_t rule : candidates) {
      if (rule >= before) return;
      const Match match = tests_.match(rule, probe);
      if (match == Match::no) continue;
      best = {match, rule};
      before = rule;
      return;
    }
  });
  return best;
}

FirstMatch CompiledPolicy::match_name(const Evidence& seen) const {
  const Probe probe = this->probe(seen);
  for (const std::uint32_t number : name_rules_) {
    const Rule& rule = rules_[number];
    if (rule.pinned && *rule.pinned != seen.at) continue;
    const Match match = tests_.match(number, probe);
    if (match == Match::no) continue;
    if (lets_pass(rule.verdict)) return {};
    if (match == Match::yes && may_refuse(rule, seen.at)) return {match, number};
  }
  return {};
}

std::vector<TriedRule> CompiledPolicy::explain(const Evidence& seen) const {
  std::vector<TriedRule> tried;
  const Probe places = probe(seen);
  for (std::uint32_t rule = 0; rule < rules_.size(); ++rule) {
    const RuleAnswer answer = explain_rule(rules_[rule], parts_->list_names, parts_->lists, places);
    tried.push_back({rule, answer.match, answer.why});
    if (answer.match != Match::no) break;
  }
  return tried;
}

}  // namespace tollgate
