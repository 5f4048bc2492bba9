// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tollgate/inspect/findings.hpp"
#include "tollgate/wire/tls.hpp"

namespace tollgate {

// What a ClientHello says, as findings; `encrypted` is true from now on.
void take_hello(const ClientHello& hello, Findings& out);

// A host name as findings have it: lower case, no dot at the end.
std::string plain_host(std::string_view name);

}  // namespace tollgate
