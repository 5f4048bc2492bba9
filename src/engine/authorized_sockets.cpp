// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/engine/authorized_sockets.hpp"

#include <algorithm>

namespace tollgate {
namespace {

bool is_unspecified(const IpAddress& address) { return address.bytes() == IpAddress{}.bytes(); }

// RFC 4291 §2.5.5.2: how an IPv6 socket names its IPv4 end.
bool is_mapped(const IpAddress& wide, const IpAddress& narrow) {
  if (wide.family() != Family::ipv6 || narrow.family() != Family::ipv4) return false;
  const auto& bytes = wide.bytes();
  const bool prefix = std::all_of(bytes.begin(), bytes.begin() + 10, [](std::uint8_t b) { return b == 0; }) &&
                      bytes[10] == 0xff && bytes[11] == 0xff;
  return prefix && std::equal(bytes.begin() + 12, bytes.end(), narrow.bytes().begin());
}

bool before(const AuthorizedSocket& a, const AuthorizedSocket& b) {
  if (a.port != b.port) return a.port < b.port;
  if (a.protocol != b.protocol) return a.protocol < b.protocol;
  if (a.direction != b.direction) return a.direction < b.direction;
  return a.address < b.address;
}

}  // namespace

bool covers(const IpAddress& local, const IpAddress& address) {
  if (is_unspecified(local)) return local.family() == Family::ipv6 || address.family() == Family::ipv4;
  return local == address || is_mapped(local, address);
}

AuthorizedSockets::Added AuthorizedSockets::add(const AuthorizedSocket& socket) {
  const auto at = std::lower_bound(sockets_.begin(), sockets_.end(), socket, before);
  if (at != sockets_.end() && at->same_place(socket)) return Added::known;
  if (sockets_.size() >= kMaxAuthorizedSockets) return Added::full;
  sockets_.insert(at, socket);
  return Added::added;
}

const AuthorizedSocket* AuthorizedSockets::find(const AuthorizedSocket& place) const {
  const auto at = std::lower_bound(sockets_.begin(), sockets_.end(), place, before);
  return at != sockets_.end() && at->same_place(place) ? &*at : nullptr;
}

}  // namespace tollgate
