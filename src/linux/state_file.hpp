// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

#include "tollgate/base/result.hpp"
#include "tollgate/policy/added_rules.hpp"

namespace tollgate {

// Replaces the file whole or not at all, whenever the machine stops: what it returns from is on disk
// (fsync(2), rename(2)). Its folder is made when it is missing, for us alone. Blocks for as long as the disk
// takes. Returns what went wrong.
std::optional<std::string> replace_file(const std::string& path, const std::string& text);

// Where `state` (tollgate.toml) keeps the rules that were added at run time.
std::string added_rules_file(const std::string& state);
// What is there; none when there is no such file.
Result<AddedRules, Diagnostics> read_added_rules(const std::string& path);

}  // namespace tollgate
