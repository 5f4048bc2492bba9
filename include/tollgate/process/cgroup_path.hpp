// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "tollgate/process/process.hpp"

namespace tollgate {

// Reads a cgroup v2 path ("/system.slice/nginx.service"; systemd.slice(5), and how Docker, Podman, LXC,
// systemd-nspawn and the kubelet name their groups, with the systemd and the cgroupfs driver). Any bytes
// will do: what is not recognized says nothing.
GroupNames read_cgroup_path(std::string_view path);

// The application whose files these are: "appimage:NAME" for what runs from an AppImage's mount
// (/tmp/.mount_NAMEabcdef/…, or in another TMPDIR; the runtime keeps the first six bytes of the name),
// "snap:NAME" for /snap/NAME/REVISION/…, "" for all else.
std::string app_of_path(std::string_view path);

}  // namespace tollgate
