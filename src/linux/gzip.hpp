// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tollgate/base/result.hpp"

namespace tollgate {

enum class GzipError : unsigned char {
  broken,     // not in gzip's format (RFC 1952), or cut short
  too_large,  // more than the limit comes out
};

// What a file of gzip's holds, all its members one after the other (RFC 1952 §2.2).
Result<std::string, GzipError> unpack_gzip(std::string_view packed, std::size_t limit);

}  // namespace tollgate
