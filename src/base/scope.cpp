// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/base/scope.hpp"

#include <algorithm>

namespace tollgate {
namespace {

Scope scope4(std::uint8_t first, std::uint8_t second) {
  if (first == 0 || first == 127) return Scope::host;
  if (first >> 4 == 0xe) return Scope::multicast;
  const bool is_private =
      first == 10 || (first == 172 && second >> 4 == 1) || (first == 192 && second == 168);
  const bool link_local = first == 169 && second == 254;
  const bool shared = first == 100 && second >> 6 == 1;
  return is_private || link_local || shared ? Scope::lan : Scope::internet;
}

Scope scope6(std::uint8_t first, std::uint8_t second) {
  if (first == 0xff) return Scope::multicast;
  const bool unique_local = first >> 1 == 0x7e;                 // fc00::/7
  const bool link_or_site = first == 0xfe && second >> 7 == 1;  // fe80::/10, fec0::/10
  return unique_local || link_or_site ? Scope::lan : Scope::internet;
}

}  // namespace

Scope scope_of(const IpAddress& address) {
  const auto& bytes = address.bytes();
  if (address.family() == Family::ipv4) {
    const bool broadcast =
        std::all_of(bytes.begin(), bytes.begin() + 4, [](auto byte) { return byte == 255; });
    return broadcast ? Scope::multicast : scope4(bytes[0], bytes[1]);
  }
  const bool unspecified = std::ranges::all_of(bytes, [](auto byte) { return byte == 0; });
  return unspecified || address.is_loopback() ? Scope::host : scope6(bytes[0], bytes[1]);
}

std::string_view to_string(Scope scope) {
  switch (scope) {
    case Scope::host:
      return "host";
    case Scope::lan:
      return "lan";
    case Scope::internet:
      return "internet";
    case Scope::multicast:
      return "multicast";
    case Scope::count_:
      break;
  }
  return "";
}

}  // namespace tollgate
