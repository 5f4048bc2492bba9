// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tollgate/process/socket_census.hpp"

namespace tollgate {

// Who holds which socket now, by inode, from /proc/PID/fd of every process (proc(5)). Not whole where one of
// them may not be looked at: other users' need CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH. Some microseconds for
// each descriptor of the machine: for another thread than the loop's.
SocketCensus census_of_proc();

}  // namespace tollgate
