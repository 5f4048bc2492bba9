// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/control/rule_fields.hpp"

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tollgate/policy/added_rules.hpp"

namespace tollgate {
namespace {

constexpr const char* kNeither = ": neither a string, a whole number, true, false, nor an array of these";

std::optional<RuleField::Value> read_value(const boost::json::value& value) {
  if (const boost::json::string* text = value.if_string()) return std::string{*text};
  if (const bool* flag = value.if_bool()) return *flag;
  if (const std::int64_t* number = value.if_int64()) return *number;
  return std::nullopt;
}

// It is put into TOML as it is: nothing but a time may be in it.
bool is_time_text(const boost::json::value& value) {
  if (!value.is_string() || value.get_string().empty()) return false;
  return std::string_view{value.get_string()}.find_first_not_of("0123456789-:.+TZtz ") ==
         std::string_view::npos;
}

}  // namespace

Result<PolicyText, std::string> rule_fields(const boost::json::object& rule) {
  std::vector<RuleField> fields;
  std::string expires;
  for (const auto& member : rule) {
    const std::string key{member.key()};
    const boost::json::value& value = member.value();
    if (value.is_null()) continue;
    if (key == "expires") {
      if (!is_time_text(value)) return key + ": not a string like 2030-01-31T18:00:00Z";
      expires = "expires = " + std::string{value.get_string()} + '\n';
      continue;
    }
    RuleField field{key, {}, value.is_array()};
    const boost::json::array alone(1, value);
    for (const boost::json::value& element : field.array ? value.get_array() : alone) {
      const std::optional<RuleField::Value> read = read_value(element);
      const std::string place = field.array ? '[' + std::to_string(field.values.size()) + ']' : "";
      if (!read) return key + place + kNeither;
      field.values.push_back(*read);
    }
    fields.push_back(std::move(field));
  }
  return PolicyText{"", to_toml(fields) + expires};
}

}  // namespace tollgate
