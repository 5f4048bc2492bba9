// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tollgate/base/diagnostic.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/base/time.hpp"
#include "tollgate/policy/policy.hpp"

namespace tollgate {

// A field of a rule as somebody gives it who does not write TOML.
struct RuleField {
  using Value = std::variant<std::string, std::int64_t, bool>;
  std::string key;
  std::vector<Value> values;
  bool array = false;  // also of one value, or none
};
// The fields in the policy's language, a line each. Of a key that is given twice the last counts.
std::string to_toml(std::span<const RuleField> fields);

// One [[rule]] as text: what a policy's file would have of it.
struct AddedRule {
  std::string name;    // "" until somebody gives it one
  std::string fields;  // the other ones, each KEY = VALUE and a line of its own
  std::optional<Time> expires;

  // From the lines of a rule's fields. Only that they are TOML, that `name` is a string and that `expires`
  // is a time is looked at: what they mean is Policy::with_added's to say.
  static Result<AddedRule, Diagnostics> parse(const PolicyText& fields);
  void expire_at(Time when);
  std::string to_text() const;  // with [[rule]]
};

// The rules that were added at run time, the latest first: that is the order in which they are tried. A
// value; the daemon keeps its text in a file of the state directory.
class AddedRules {
 public:
  static constexpr std::size_t kMost = 10'000;

  // A text that to_text() made, or somebody by hand in the same language. Every rule has to have a name.
  static Result<AddedRules, Diagnostics> parse(const PolicyText& text);

  bool full() const { return rules_.size() >= kMost; }
  bool has(std::string_view name) const;
  void add(AddedRule rule) { rules_.insert(rules_.begin(), std::move(rule)); }
  bool remove(std::string_view name);  // false: there is none
  std::size_t drop_expired(Time now);  // how many
  // "added-1", or the first such name that neither is here nor is `taken`.
  std::string free_name(const Policy& taken) const;

  std::string to_text() const;  // "" without any
  const std::vector<AddedRule>& all() const { return rules_; }

 private:
  std::vector<AddedRule> rules_;
};

}  // namespace tollgate
