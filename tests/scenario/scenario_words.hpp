// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tollgate/base/time.hpp"

namespace tollgate::test {

// Split at blanks, "…" kept whole with its quotes, without what a # begins.
std::vector<std::string> words_of(const std::string& text);
std::string join(const std::vector<std::string>& words);
// "NAME=VALUE".
std::pair<std::string, std::string> setting(const std::string& word);
// "250ms", "15s", "10m", "1h".
Duration duration(const std::string& text);

}  // namespace tollgate::test
