// SPDX-License-Identifier: GPL-2.0-or-later
#include "control_peer.hpp"

#include <grp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace tollgate {

std::optional<ControlPeer> peer_of(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  ControlPeer peer{credentials.uid, credentials.gid, std::vector<gid_t>(64)};
  // A list that is too short comes back with ERANGE and the size that it takes.
  socklen_t bytes = static_cast<socklen_t>(peer.groups.size() * sizeof(gid_t));
  int got = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &bytes);
  if (got != 0 && errno == ERANGE) {
    peer.groups.resize(bytes / sizeof(gid_t));
    got = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &bytes);
  }
  peer.groups.resize(got == 0 ? bytes / sizeof(gid_t) : 0);
  return peer;
}

Access access_of(const ControlPeer& peer, uid_t own, std::optional<gid_t> group) {
  if (peer.uid == 0 || peer.uid == own) return Access::everything;
  if (!group) return Access::own_flows;
  const bool member =
      peer.gid == *group || std::find(peer.groups.begin(), peer.groups.end(), *group) != peer.groups.end();
  return member ? Access::everything : Access::own_flows;
}

std::optional<gid_t> group_named(const std::string& name) {
  if (name.empty()) return std::nullopt;
  std::vector<char> buffer(4096);
  group entry{};
  group* found = nullptr;
  while (getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == ERANGE &&
         buffer.size() < (1U << 22)) {
    buffer.resize(buffer.size() * 2);  // a group with many members
  }
  if (found == nullptr) return std::nullopt;
  return entry.gr_gid;
}

}  // namespace tollgate
