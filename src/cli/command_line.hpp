// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "page.hpp"

namespace tollgate::cli {

// `tollgate` but for the terminal: the arguments without the program's name → the exit status.
int run(const std::vector<std::string>& arguments, Page& page);

}  // namespace tollgate::cli
