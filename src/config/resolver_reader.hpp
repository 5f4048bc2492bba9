// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "tollgate/config/config.hpp"
#include "tollgate/config/toml_reader.hpp"

namespace tollgate {

// What [nameserver] says of the daemon's own nameserver, which listens on `target`. Relative paths are taken
// from the folder of `file`.
void read_resolver(TomlTable& table, const std::string& file, const RerouteTarget& target,
                   NameserverOptions& options);

}  // namespace tollgate
