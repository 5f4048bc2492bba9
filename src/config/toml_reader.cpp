// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/config/toml_reader.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace tollgate {
namespace {

constexpr std::size_t kLongestQuote = 80;

Place place_of(const toml::source_region& region) { return {region.begin.line, region.begin.column}; }

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::none:
      return "nothing";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a float";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::date:
      return "a date";
    case toml::node_type::time:
      return "a time";
    case toml::node_type::date_time:
      return "a date and time";
  }
  return "nothing";
}

// Values that can be shown are, others are named by their type.
std::string shown(const toml::node& node) {
  if (const auto* text = node.as_string()) return in_quotes(text->get());
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  return std::string{type_name(node)};
}

// Edits (insert, delete, replace, exchange neighbours) that turn one word into the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      const bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (exchanged) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

// What is not printable ASCII is escaped: a message is one line, whatever was in the file.
void add_printable(char c, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte < 0x7f) {
    out += c;
    return;
  }
  out += "\\x";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

// A key that TOML allows without quotes, and not so long that it spoils a message.
bool is_bare(std::string_view key) {
  return key.size() <= kLongestQuote && std::ranges::all_of(key, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                  c == '-';
         });
}

// `"a", "b" or "c"`
std::string listed(std::span<const std::string_view> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += in_quotes(words[i]);
  }
  return text;
}

}  // namespace

void FileDiagnostics::add(Place place, std::string message) {
  if (found_.size() > most_) {
    ++more_;
    return;
  }
  found_.push_back({file_, place.line, place.column, std::move(message)});
}

Diagnostics FileDiagnostics::take() {
  if (more_ > 0)
    found_.back().message += " (and " + std::to_string(std::exchange(more_, 0)) + " more in this file)";
  std::ranges::stable_sort(found_, {}, [](const Diagnostic& d) { return Place{d.line, d.column}; });
  return std::exchange(found_, {});
}

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text.substr(0, kLongestQuote)) {
    if (c == '"' || c == '\\') result += '\\';
    add_printable(c, result);
  }
  if (text.size() > kLongestQuote) result += "...";
  return result + '"';
}

std::optional<std::string_view> nearest(std::string_view text, std::span<const std::string_view> candidates) {
  if (text.size() > kLongestQuote) return std::nullopt;  // no word of ours; and the search is quadratic
  std::optional<std::string_view> best;
  std::size_t best_distance = std::max<std::size_t>(1, text.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t edits = distance(text, candidate);
    if (edits >= best_distance) continue;
    best = candidate;
    best_distance = edits;
  }
  return best;
}

std::string suggestion(std::string_view text, std::span<const std::string_view> candidates) {
  const auto near = nearest(text, candidates);
  return near ? "; did you mean " + in_quotes(*near) + "?" : std::string{};
}

Place TomlValue::place() const { return place_of(node_->source()); }

void TomlValue::wrong(std::string_view must) const {
  error(name_ + " must be " + std::string{must} + ", not " + shown(*node_));
}

void TomlValue::wrong_word(std::span<const std::string_view> words) const {
  const auto* text = node_->as_string();
  error(name_ + " must be " + listed(words) + ", not " + shown(*node_) +
        (text != nullptr ? suggestion(text->get(), words) : std::string{}));
}

std::optional<std::string_view> TomlValue::string() const {
  const auto* text = node_->as_string();
  if (text == nullptr) {
    wrong("a string");
    return std::nullopt;
  }
  if (text->get().empty()) {
    error(name_ + " must not be empty");
    return std::nullopt;
  }
  return text->get();
}

std::optional<std::int64_t> TomlValue::integer(std::int64_t least, std::int64_t most) const {
  const auto* number = node_->as_integer();
  if (number == nullptr || number->get() < least || number->get() > most) {
    wrong("an integer from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
  }
  return number->get();
}

std::optional<bool> TomlValue::boolean() const {
  if (const auto* flag = node_->as_boolean()) return flag->get();
  wrong("true or false");
  return std::nullopt;
}

std::optional<Time> TomlValue::time() const {
  const auto* value = node_->as_date_time();
  const bool fits = value != nullptr && value->get().offset && value->get().date.year >= 1970 &&
                    value->get().date.year < 2200;
  if (!fits) {
    wrong("a date and time with its offset, from 1970 to 2199, like 2030-01-31T18:00:00Z");
    return std::nullopt;
  }
  const toml::date_time& when = value->get();
  const std::chrono::sys_days day{std::chrono::year{when.date.year} / when.date.month / when.date.day};
  const auto of_day = std::chrono::hours{when.time.hour} + std::chrono::minutes{when.time.minute} +
                      std::chrono::seconds{when.time.second} +
                      std::chrono::nanoseconds{when.time.nanosecond} -
                      std::chrono::minutes{when.offset->minutes};
  return Time{day.time_since_epoch() + of_day};
}

std::optional<TomlTable> TomlValue::table() const {
  if (const auto* table = node_->as_table()) return TomlTable{*table, name_, *found_};
  wrong("a table");
  return std::nullopt;
}

std::vector<TomlTable> TomlValue::tables() const {
  std::vector<TomlTable> result;
  const auto* array = node_->as_array();
  if (array == nullptr) {
    wrong("[[" + name_ + "]], an array of tables");
    return result;
  }
  for (const toml::node& node : *array) {
    if (auto table = TomlValue{node, name_, *found_}.table()) result.push_back(*std::move(table));
  }
  return result;
}

std::vector<TomlValue> TomlValue::each() const {
  const auto* array = node_->as_array();
  if (array == nullptr) return {*this};
  std::vector<TomlValue> result;
  for (const toml::node& node : *array) result.emplace_back(node, name_, *found_);
  if (result.empty()) error(name_ + " must not be an empty array");
  return result;
}

Place TomlTable::place() const { return place_of(table_->source()); }

std::string TomlTable::full_name(std::string_view key) const {
  const std::string shown_key = is_bare(key) ? std::string{key} : in_quotes(key);
  return name_.empty() ? shown_key : name_ + '.' + shown_key;
}

std::optional<TomlValue> TomlTable::take(std::string_view key) {
  taken_.push_back(key);
  const toml::node* node = table_->get(key);
  if (node == nullptr) return std::nullopt;
  return TomlValue{*node, full_name(key), *found_};
}

std::optional<TomlTable> TomlTable::take_table(std::string_view key) {
  const auto value = take(key);
  return value ? value->table() : std::nullopt;
}

std::vector<std::pair<std::string, TomlValue>> TomlTable::take_all() {
  std::vector<std::pair<std::string, TomlValue>> result;
  for (const auto& [key, node] : *table_) {
    taken_.push_back(key.str());
    result.emplace_back(key.str(), TomlValue{node, full_name(key.str()), *found_});
  }
  return result;
}

void TomlTable::refuse_rest(std::span<const std::string_view> later) const {
  for (const auto& [key, node] : *table_) {
    if (std::ranges::find(taken_, key.str()) != taken_.end()) continue;
    const Place place = place_of(key.source());
    if (std::ranges::find(later, key.str()) != later.end()) {
      found_->add(place, full_name(key.str()) + " is not in this version of tollgate yet");
      continue;
    }
    const std::string where = name_.empty() ? std::string{} : " in " + name_;
    found_->add(place, "unknown key " + in_quotes(key.str()) + where + suggestion(key.str(), taken_));
  }
}

Result<TomlDocument, Diagnostic> TomlDocument::parse(std::string_view text, const std::string& file) {
  // The one place where an exception is the library's way to say no.
  try {
    return TomlDocument{toml::parse(text)};
  } catch (const toml::parse_error& error) {
    const Place place = place_of(error.source());
    std::string message = "not TOML: ";
    for (const char c : error.description()) add_printable(c, message);
    return Diagnostic{file, place.line, place.column, message};
  }
}

}  // namespace tollgate
