// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tollgate/config/config.hpp"

namespace tollgate {

// A configured place that a verdict delivers to, in one family.
struct Reroute {
  FlowMark mark = FlowMark::nameserver;
  IpAddress address;
  std::uint16_t port = 0;

  std::string endpoint() const;  // "192.0.2.1:53", "[2001:db8::1]:53"
};

std::vector<Reroute> reroutes(const Config& config, Family family);
inline bool any_target(const Config& config, Family family) { return !reroutes(config, family).empty(); }

}  // namespace tollgate
