// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "tollgate/control/interface.hpp"

namespace tollgate {

// Who is at the other end of a Unix socket, as the kernel knew it when they connected.
struct ControlPeer {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary
};

// SO_PEERCRED and SO_PEERGROUPS (unix(7)); nullopt when the kernel does not say.
std::optional<ControlPeer> peer_of(int socket);
// `own` is the daemon's uid; `group` is whose members may ask everything, if there is one.
Access access_of(const ControlPeer& peer, uid_t own, std::optional<gid_t> group);
// nullopt when there is no such group.
std::optional<gid_t> group_named(const std::string& name);

}  // namespace tollgate
