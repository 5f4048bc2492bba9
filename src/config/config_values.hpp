// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tollgate/base/ip.hpp"
#include "tollgate/base/time.hpp"
#include "tollgate/config/toml_reader.hpp"
#include "tollgate/flow/verdict.hpp"

namespace tollgate {

// "250ms", "15s", "10m", "1h"; nullopt for anything else and for what is longer than a year.
std::optional<Duration> parse_duration(std::string_view text);
// Our field of the mark: one run of at least four bits.
bool is_usable_mark_mask(std::uint32_t mask);
bool is_usable_interface_mask(std::uint32_t mask);

// Each sets `out` when the key is there and its value is good, and reports it when it is bad.
void read_duration(const TomlValue& value, Duration& out);
void read_duration(TomlTable& table, std::string_view key, Duration& out);
void read_temporary_verdict(TomlTable& table, std::string_view key, Verdict& out);
void read_flag(TomlTable& table, std::string_view key, bool& out);
void read_text(TomlTable& table, std::string_view key, std::string& out);
// Relative paths are taken from the folder of `file`.
void read_path(TomlTable& table, std::string_view key, const std::string& file, std::string& out);
void read_address(TomlTable& table, std::string_view key, Family family, std::optional<IpAddress>& out);

template <std::unsigned_integral Number>
void read_number(TomlTable& table, std::string_view key, std::int64_t least, std::int64_t most, Number& out) {
  const auto value = table.take(key);
  if (!value) return;
  if (const auto number = value->integer(least, most)) out = static_cast<Number>(*number);
}

template <class Enum>
void read_word(TomlTable& table, std::string_view key, std::initializer_list<Enum> words, Enum& out) {
  const auto value = table.take(key);
  if (!value) return;
  if (const auto word = value->word(words)) out = *word;
}

}  // namespace tollgate
