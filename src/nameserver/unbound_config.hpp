// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tollgate/config/nameserver_options.hpp"

namespace tollgate {

// The port on 127.0.0.1 by which a server is reached that is asked by TLS.
using RelayPort = std::function<std::uint16_t(const Upstream&)>;

// What the resolver is told, in the language of unbound.conf(5).
std::string unbound_config(const NameserverOptions& options, const RelayPort& relay_port);

}  // namespace tollgate
