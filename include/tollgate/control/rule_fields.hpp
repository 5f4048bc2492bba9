// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "tollgate/base/result.hpp"
#include "tollgate/policy/policy.hpp"

namespace tollgate {

// The fields of a [[rule]] as JSON writes them, in the policy's language, a line each: strings, whole
// numbers, true and false, arrays of these; `expires` is a string that RFC 3339 has for a time. What is null
// counts as absent. The error names the field: "port[1]: neither …".
Result<PolicyText, std::string> rule_fields(const boost::json::object& rule);

}  // namespace tollgate
