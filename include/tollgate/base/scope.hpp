// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string_view>

#include "tollgate/base/ip.hpp"

namespace tollgate {

// How far away an address is, as the address alone says.
enum class Scope : std::uint8_t {
  host,       // loopback, and what stands for "here": 0.0.0.0/8, ::
  lan,        // private (RFC 1918, RFC 4193, RFC 3879), link-local (RFC 3927, RFC 4291 §2.5.6), shared
              // with the provider (RFC 6598)
  internet,   // everything else
  multicast,  // to many: multicast, and 255.255.255.255
  count_,
};

Scope scope_of(const IpAddress& address);
// "host", "lan", …
std::string_view to_string(Scope scope);

}  // namespace tollgate
