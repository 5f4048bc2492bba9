// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>

#include "tollgate/base/diagnostic.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/policy/domains.hpp"

namespace tollgate {

// The public suffix list that this machine keeps (Debian: publicsuffix), or else the one that libpsl was
// built with. `file` becomes the path of the former, "" of the latter: when the file changes, there is
// another list.
Result<std::shared_ptr<const SuffixList>, Diagnostic> open_suffix_file(std::string& file);

}  // namespace tollgate
