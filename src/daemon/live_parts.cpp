// SPDX-License-Identifier: GPL-2.0-or-later
#include "live_parts.hpp"

namespace tollgate {

LiveParts::LiveParts(const Config& config)
    : checks_arrival_{config.arrival_interface == ArrivalInterface::reauthorize},
      slots_{config.interface_mask} {}

bool LiveParts::interfaces(const std::vector<std::string>& names) {
  if (!checks_arrival_ || !slots_.update(names)) return false;
  rules_.interfaces = slots_.present();
  return true;
}

bool LiveParts::socket(const SocketAuthorized& socket) {
  const SocketInRules entry{socket.direction, socket.protocol, socket.address, socket.port};
  if (socket.authorized) {
    if (sockets_.contains(entry)) return false;
    if (sockets_.size() >= kMostSocketsInRules) {
      ++refused_;
      return false;
    }
    sockets_.insert(entry);
  } else if (sockets_.erase(entry) == 0) {
    return false;
  }
  rules_.sockets.assign(sockets_.begin(), sockets_.end());
  return true;
}

}  // namespace tollgate
