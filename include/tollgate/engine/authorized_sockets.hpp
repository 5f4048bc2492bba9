// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tollgate/engine/effect.hpp"
#include "tollgate/engine/event.hpp"
#include "tollgate/flow/flow.hpp"

namespace tollgate {

// At most so many sockets are authorized for any peer at once; what finds no place is asked about
// flow by flow, and counted.
inline constexpr std::size_t kMaxAuthorizedSockets = 4096;

struct AuthorizedSocket {
  Protocol protocol = Protocol::udp;
  Direction direction = Direction::inbound;
  IpAddress address;
  std::uint16_t port = 0;
  std::uint32_t rule = kNoRule;  // the engine's rule names

  bool same_place(const AuthorizedSocket& other) const {
    return protocol == other.protocol && direction == other.direction && address == other.address &&
           port == other.port;
  }
};

// Whether a socket that says it was at `local` (unspecified: everywhere) had this address.
bool covers(const IpAddress& local, const IpAddress& address);

// The sockets that `peers = "any"` has authorized, as the kernel has them. Few and seldom changed:
// kept in order of their ports, searched by halves.
class AuthorizedSockets {
 public:
  enum class Added : std::uint8_t { added, known, full };
  Added add(const AuthorizedSocket& socket);
  // nullptr when there is none.
  const AuthorizedSocket* find(const AuthorizedSocket& place) const;

  // Takes out those for which `which` is true; `gone(socket)` sees each.
  template <class Which, class Gone>
  void withdraw(Which&& which, Gone&& gone) {
    std::erase_if(sockets_, [&](const AuthorizedSocket& socket) {
      if (!which(socket)) return false;
      gone(socket);
      return true;
    });
  }

  std::span<const AuthorizedSocket> all() const { return sockets_; }

 private:
  std::vector<AuthorizedSocket> sockets_;
};

inline SocketAuthorized effect_of(const AuthorizedSocket& socket, bool authorized) {
  return {socket.protocol, socket.direction, socket.address, socket.port, authorized};
}

}  // namespace tollgate
