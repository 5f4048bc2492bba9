// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace tollgate {

// What `path` means when it is written in `file`: relative ones begin in the file's folder. Goes by
// the names alone and opens nothing.
std::string path_beside(const std::string& file, std::string_view path);

}  // namespace tollgate
