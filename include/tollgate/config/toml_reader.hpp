// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <toml++/toml.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tollgate/base/diagnostic.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/base/time.hpp"

namespace tollgate {

// How configuration and policy read TOML. Whoever reads a table takes the keys that it knows;
// what nobody took is refused, so that nothing a person wrote is ever ignored. Errors do not stop
// the reading: they are collected and the key counts as absent.

// Lines and columns count from 1, as in Diagnostic.
struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  friend auto operator<=>(const Place&, const Place&) = default;
};

// What is wrong with one file. Past `most` of them the first is told with the number of all others: a list
// may have a million lines that are none.
class FileDiagnostics {
 public:
  static constexpr std::size_t kMost = 1000;
  explicit FileDiagnostics(std::string file, std::size_t most = kMost)
      : file_{std::move(file)}, most_{most} {}
  void add(Place place, std::string message);
  const std::string& file() const { return file_; }
  bool empty() const { return found_.empty(); }
  std::size_t size() const { return found_.size(); }
  Diagnostics take();  // by place; of one place, in the order found

 private:
  std::string file_;
  std::size_t most_;
  Diagnostics found_;
  std::size_t more_ = 0;  // that are not kept
};

// "text" in quotes on one line: what is not printable ASCII is escaped, what is long is cut short.
std::string in_quotes(std::string_view text);
// The candidate that `text` is most likely a misspelling of, if there is one.
std::optional<std::string_view> nearest(std::string_view text, std::span<const std::string_view> candidates);
// `; did you mean "outbound"?`, or nothing.
std::string suggestion(std::string_view text, std::span<const std::string_view> candidates);

class TomlTable;

// One value and the name that messages call it by. Each reader below reports a wrong type or value
// itself and returns nullopt then. Views point into the document.
class TomlValue {
 public:
  TomlValue(const toml::node& node, std::string name, FileDiagnostics& found)
      : node_{&node}, name_{std::move(name)}, found_{&found} {}

  const std::string& name() const { return name_; }
  const std::string& file() const { return found_->file(); }
  Place place() const;
  void error(std::string message) const { found_->add(place(), std::move(message)); }
  // Reports that it `must` be something else.
  void wrong(std::string_view must) const;

  bool is_string() const { return node_->is_string(); }
  bool is_integer() const { return node_->is_integer(); }
  bool is_table() const { return node_->is_table(); }
  // Only after is_string() or is_integer().
  std::string_view string_value() const { return node_->ref<std::string>(); }
  std::int64_t integer_value() const { return node_->ref<std::int64_t>(); }

  std::optional<std::string_view> string() const;  // not empty
  std::optional<std::int64_t> integer(std::int64_t least, std::int64_t most) const;
  std::optional<bool> boolean() const;
  // A date and time with its offset (RFC 3339), from 1970 to 2199.
  std::optional<Time> time() const;
  std::optional<TomlTable> table() const;
  // The tables of [[name]].
  std::vector<TomlTable> tables() const;
  // The elements of an array, or the value alone. An empty array is an error: it would say that
  // nothing matches and might be meant to say that anything does.
  std::vector<TomlValue> each() const;

  // One of `words`, as to_string spells them.
  template <class Enum>
  std::optional<Enum> word(std::initializer_list<Enum> words) const {
    std::vector<std::string_view> spelled;
    for (const Enum word : words) {
      if (is_string() && string_value() == to_string(word)) return word;
      spelled.push_back(to_string(word));
    }
    wrong_word(spelled);
    return std::nullopt;
  }
  // Reports that it must be one of `words`, with a suggestion.
  void wrong_word(std::span<const std::string_view> words) const;

 private:
  const toml::node* node_;
  std::string name_;
  FileDiagnostics* found_;
};

class TomlTable {
 public:
  TomlTable(const toml::table& table, std::string name, FileDiagnostics& found)
      : table_{&table}, name_{std::move(name)}, found_{&found} {}

  const std::string& name() const { return name_; }
  bool empty() const { return table_->empty(); }
  const toml::table& toml() const { return *table_; }  // for who writes it anew
  Place place() const;
  FileDiagnostics& found() const { return *found_; }
  void error(std::string message) const { found_->add(place(), std::move(message)); }

  // The value of a key of this table's language, if it is there.
  std::optional<TomlValue> take(std::string_view key);
  std::optional<TomlTable> take_table(std::string_view key);
  // Every key with its value, for tables whose keys are names that the writer chose.
  std::vector<std::pair<std::string, TomlValue>> take_all();
  // Refuses every key that was not taken. Those of `later` are part of the language, but this
  // version does not have them yet.
  void refuse_rest(std::span<const std::string_view> later = {}) const;

 private:
  std::string full_name(std::string_view key) const;

  const toml::table* table_;
  std::string name_;  // dotted, empty for the root
  FileDiagnostics* found_;
  std::vector<std::string_view> taken_;
};

// A file that was read: owns what values and tables point into.
class TomlDocument {
 public:
  static Result<TomlDocument, Diagnostic> parse(std::string_view text, const std::string& file);
  TomlTable root(FileDiagnostics& found) const { return {table_, {}, found}; }
  const toml::table& table() const { return table_; }  // for who writes it anew

 private:
  explicit TomlDocument(toml::table table) : table_{std::move(table)} {}
  toml::table table_;
};

}  // namespace tollgate
