// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/parse_error.hpp"

namespace tollgate {

std::string_view to_string(ParseError error) {
  switch (error) {
    case ParseError::empty:
      return "empty";
    case ParseError::bad_version:
      return "bad_version";
    case ParseError::truncated:
      return "truncated";
    case ParseError::bad_length:
      return "bad_length";
    case ParseError::jumbo:
      return "jumbo";
    case ParseError::extension_chain:
      return "extension_chain";
    case ParseError::bad_fragment:
      return "bad_fragment";
    case ParseError::beyond_copy_range:
      return "beyond_copy_range";
    case ParseError::count_:
      break;
  }
  return "";
}

}  // namespace tollgate
