// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

namespace tollgate {

// `*` stands for any bytes, none included, `?` for any one byte; all others for themselves. Time is
// at most the product of both lengths.
bool glob_matches(std::string_view glob, std::string_view text);
bool is_glob(std::string_view text);  // has a `*` or a `?`

}  // namespace tollgate
