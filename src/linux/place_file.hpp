// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>

#include "tollgate/base/diagnostic.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/policy/places.hpp"

namespace tollgate {

// A file of MaxMind's format, read once: what becomes of the file afterwards does not matter. Errors name
// the file and why it cannot be used.
Result<std::shared_ptr<const PlaceDatabase>, Diagnostic> open_place_file(const std::string& path);

}  // namespace tollgate
