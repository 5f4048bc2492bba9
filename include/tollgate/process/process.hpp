// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tollgate {

// One program in one process. A pid is given out again when its process is gone; pid and start time
// together are not (proc(5), /proc/PID/stat, field 22). `image` tells the programs apart that one
// process runs one after the other by exec; where nobody counts them it is 0.
struct ProcessId {
  std::uint32_t pid = 0;  // 0: none
  std::uint32_t image = 0;
  std::uint64_t start = 0;  // clock ticks since boot: hundredths of a second
  friend auto operator<=>(const ProcessId&, const ProcessId&) = default;
};

// How it is known who a flow belongs to.
enum class ProcessSource : std::uint8_t {
  none,               // it is not; NoProcess says why
  ebpf,               // an eBPF program saw the call
  proc,               // "sock_diag+proc": the kernel named the socket, /proc who holds it
  kernel,             // a socket of the kernel's own
  network_namespace,  // forwarded: what the processes of the sender's network namespace have in common
  tap,                // forwarded: who holds the tap interface of the sender
  count_,
};
std::string_view to_string(ProcessSource source);

// Why it is not known.
enum class NoProcess : std::uint8_t {
  not_asked,  // attribution is off, or nobody can know (a capture)
  not_local,  // forwarded: the sender is another machine, as far as can be known
  no_socket,  // the kernel knows of no such socket, any more or ever
  no_holder,  // nobody who may be looked at holds the socket
  late,       // it was not found in time
  full,       // the table of processes is full of those that flows refer to
  count_,
};
std::string_view to_string(NoProcess why);

// What the names in a cgroup v2 path mean. "" where it says nothing of the kind.
struct GroupNames {
  std::string unit;       // "nginx.service", "session-3.scope": the innermost unit
  std::string slice;      // "system.slice": the innermost slice
  std::string session;    // "3" (session-3.scope)
  std::string container;  // "docker:0123456789ab", "podman:…", "lxc:NAME", "nspawn:NAME", "kubernetes:POD/ID"
  std::string app;        // "flatpak:org.mozilla.firefox", "snap:firefox"
  friend bool operator==(const GroupNames&, const GroupNames&) = default;
};

// At most so many ancestors of a process are kept, the nearest first.
inline constexpr std::size_t kMaxAncestors = 8;
struct Ancestor {
  ProcessId id;
  std::string path;  // "" when it is not known any more
  friend bool operator==(const Ancestor&, const Ancestor&) = default;
};

// The file that a program was started from.
struct ProgramFile {
  std::uint64_t device = 0;  // as stat(2) says it
  std::uint64_t inode = 0;   // 0: not known
  friend bool operator==(const ProgramFile&, const ProgramFile&) = default;
};

// Longer texts are cut: a command line at its end.
inline constexpr std::size_t kMaxCommand = 4096;

// What is known of a program that has a flow. A value: it says what was so when it was looked at, and
// goes on saying so when the process has ended.
struct Process {
  ProcessId id;                                // pid 0: only its group is known
  ProcessSource source = ProcessSource::none;  // of this knowledge
  std::uint32_t uid = 0xffffffff;              // effective; 0xffffffff: not known
  std::uint32_t gid = 0xffffffff;
  std::string name;      // of the process (comm), at most 15 bytes
  std::string path;      // as the kernel resolves it; "" when not known
  bool deleted = false;  // the file has no name any more: removed, or replaced by another
  ProgramFile file;
  std::string sha256;   // of that file, 64 small hexadecimal digits; "" when nobody asked or it is not known
  std::string command;  // the arguments, a space between them
  std::string directory;  // working directory
  std::string script;     // what the interpreter runs, "" for other programs
  std::string cgroup;     // path in the cgroup v2 hierarchy; "" when not known
  GroupNames group;
  std::string app;  // of the group, or "appimage:NAME", "snap:NAME" by the path
  std::vector<Ancestor> ancestors;
  friend bool operator==(const Process&, const Process&) = default;
};

using ProcessPointer = std::shared_ptr<const Process>;

}  // namespace tollgate
