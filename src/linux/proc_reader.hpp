// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "tollgate/process/process.hpp"

namespace tollgate {

// What /proc says of one process now. nullopt when it is not there, or ended while it was read: what
// is returned is all of one process. What may not be read (another user's, without CAP_SYS_PTRACE)
// stays empty. `interpreters` as in script_of.
std::optional<Process> read_process(std::uint32_t pid, std::span<const std::string> interpreters);

// Of a process that runs; nullopt when it does not.
std::optional<ProcessId> process_id(std::uint32_t pid);

// Clock ticks since boot of nanoseconds since boot, rounded as /proc/PID/stat does it.
std::uint64_t start_ticks(std::uint64_t nanoseconds);

// The names that follow from the rest: script, unit and the like, application. `arguments` are those
// of the command line.
void complete(Process& process, std::span<const std::string> arguments,
              std::span<const std::string> interpreters);

}  // namespace tollgate
