// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "linux/netlink_socket.hpp"
#include "tollgate/process/process.hpp"

namespace tollgate {

// What /proc says of one process now. nullopt when it is not there, or ended while it was read: what
// is returned is all of one process. What may not be read (another user's, without CAP_SYS_PTRACE)
// stays empty. `interpreters` as in script_of.
std::optional<Process> read_process(std::uint32_t pid, std::span<const std::string> interpreters);

// Of a process that runs; nullopt when it does not.
std::optional<ProcessId> process_id(std::uint32_t pid);
// Its name (comm); "" when it does not run.
std::string process_name(std::uint32_t pid);
// The path of its program, also of one whose file was deleted; "" when it cannot be read.
std::string program_path(std::uint32_t pid);

// The program that a process runs now, as long as it runs it: another exec ends that, and so does its end.
// Of a process that was only forked it cannot be told (it may share its memory with its parent, vfork(2)),
// nor of one without an environment, nor where that may not be read.
class ProgramRun {
 public:
  ProgramRun() = default;
  explicit ProgramRun(std::uint32_t pid);
  bool goes_on() const;

 private:
  FileDescriptor environment_;
};

// Clock ticks since boot of nanoseconds since boot, rounded as /proc/PID/stat does it.
std::uint64_t start_ticks(std::uint64_t nanoseconds);

// The names that follow from the rest: script, unit and the like, application. `arguments` are those
// of the command line.
void complete(Process& process, std::span<const std::string> arguments,
              std::span<const std::string> interpreters);

}  // namespace tollgate
