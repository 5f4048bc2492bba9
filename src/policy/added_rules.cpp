// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/policy/added_rules.hpp"

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

#include "tollgate/config/toml_reader.hpp"

namespace tollgate {
namespace {

constexpr std::string_view kHead =
    "# Rules that were added at run time (tollgate rule add), the latest first. tollgated writes this file\n"
    "# whenever that changes: edit it while the daemon is stopped.\n";

std::string line_of(std::string_view key, const toml::node& value) {
  toml::table one;
  one.insert(key, value);
  std::ostringstream text;
  text << toml::toml_formatter{one};
  std::string line = text.str();
  if (!line.ends_with('\n')) line += '\n';
  return line;
}

// Whether the value has a place of its own in a text: no field of a rule has, and the lines behind it would
// become its fields.
bool has_table(const toml::node& node) {
  const toml::array* array = node.as_array();
  return node.is_table() || (array != nullptr && std::ranges::any_of(*array, has_table));
}

AddedRule rule_of(const toml::table& table, FileDiagnostics& found) {
  AddedRule rule;
  for (const auto& [key, node] : table) {
    const TomlValue value{node, "rule." + std::string{key.str()}, found};
    if (key == "name") {
      if (const auto name = value.string()) rule.name = *name;
      continue;
    }
    if (has_table(node)) {
      value.error(value.name() + " must not be a table, or have one");
      continue;
    }
    if (key == "expires") rule.expires = value.time();
    rule.fields += line_of(key.str(), node);
  }
  return rule;
}

}  // namespace

std::string to_toml(std::span<const RuleField> fields) {
  toml::table table;
  for (const RuleField& field : fields) {
    toml::array array;
    for (const RuleField::Value& value : field.values)
      std::visit([&](const auto& one) { array.push_back(one); }, value);
    if (field.array || array.size() != 1) {
      table.insert_or_assign(field.key, std::move(array));
    } else {
      table.insert_or_assign(field.key, std::move(*array.get(0)));
    }
  }
  std::ostringstream text;
  if (!table.empty()) text << toml::toml_formatter{table} << '\n';
  return text.str();
}

Result<AddedRule, Diagnostics> AddedRule::parse(const PolicyText& fields) {
  const auto document = TomlDocument::parse(fields.text, fields.file);
  if (!document) return Diagnostics{document.error()};
  FileDiagnostics found{fields.file};
  AddedRule rule = rule_of(document->table(), found);
  if (!found.empty()) return found.take();
  return rule;
}

void AddedRule::expire_at(Time when) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(when.time_since_epoch());
  const std::chrono::sys_seconds at{seconds};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{at - day};
  const toml::date_time written{
      toml::date{static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day())},
      toml::time{static_cast<unsigned>(time.hours().count()), static_cast<unsigned>(time.minutes().count()),
                 static_cast<unsigned>(time.seconds().count())},
      toml::time_offset{}};
  expires = Time{seconds};
  fields += line_of("expires", toml::value<toml::date_time>{written});
}

std::string AddedRule::to_text() const {
  return "[[rule]]\n" + line_of("name", toml::value<std::string>{name}) + fields;
}

Result<AddedRules, Diagnostics> AddedRules::parse(const PolicyText& text) {
  const auto document = TomlDocument::parse(text.text, text.file);
  if (!document) return Diagnostics{document.error()};
  FileDiagnostics found{text.file};
  AddedRules added;
  TomlTable root = document->root(found);
  if (const auto value = root.take("rule")) {
    for (const TomlTable& table : value->tables()) {
      AddedRule rule = rule_of(table.toml(), found);
      if (!table.toml().contains("name")) table.error("the rule has no name");
      added.rules_.push_back(std::move(rule));
    }
  }
  root.refuse_rest();
  if (added.rules_.size() > kMost) root.error("more than " + std::to_string(kMost) + " added rules");
  if (!found.empty()) return found.take();
  return added;
}

bool AddedRules::has(std::string_view name) const {
  return std::ranges::any_of(rules_, [&](const AddedRule& rule) { return rule.name == name; });
}

bool AddedRules::remove(std::string_view name) {
  return std::erase_if(rules_, [&](const AddedRule& rule) { return rule.name == name; }) != 0;
}

std::size_t AddedRules::drop_expired(Time now) {
  return std::erase_if(rules_, [now](const AddedRule& rule) { return rule.expires && *rule.expires <= now; });
}

std::string AddedRules::free_name(const Policy& taken) const {
  std::set<std::string_view> names;
  for (const AddedRule& rule : rules_) names.insert(rule.name);
  for (const Rule& rule : taken.rules()) names.insert(rule.name);
  for (std::size_t number = 1;; ++number) {
    std::string name = "added-" + std::to_string(number);
    if (!names.contains(name)) return name;
  }
}

std::string AddedRules::to_text() const {
  if (rules_.empty()) return {};
  std::string text{kHead};
  for (const AddedRule& rule : rules_) text += '\n' + rule.to_text();
  return text;
}

}  // namespace tollgate
