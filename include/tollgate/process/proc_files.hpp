// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tollgate {

// The files of /proc/PID (proc(5)) as values. A process writes its own name and arguments: any bytes
// will do.

// A name or a word that is a decimal number (a pid, a descriptor) and nothing else.
std::optional<std::uint32_t> parse_proc_number(std::string_view text);

// /proc/PID/stat. The name stands in parentheses and may hold parentheses, blanks and newlines itself:
// the last ')' ends it.
struct ProcStat {
  std::uint32_t pid = 0;
  std::string name;
  char state = '?';          // 'Z', 'X': it has ended, and its files are gone
  std::uint32_t parent = 0;  // 0: none, or in another process namespace
  std::uint64_t start = 0;   // clock ticks since boot
  bool kernel = false;       // a thread of the kernel (PF_KTHREAD, linux/sched.h)
  bool executed = false;     // it has called exec since it was forked (no PF_FORKNOEXEC)
  bool exiting = false;      // it is about to end (PF_EXITING): its memory goes, then its descriptors
  friend bool operator==(const ProcStat&, const ProcStat&) = default;
};
std::optional<ProcStat> parse_proc_stat(std::string_view text);

// "Uid:" and "Gid:" of /proc/PID/status: real, effective, saved, file system. The effective ones.
struct ProcOwner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  friend bool operator==(const ProcOwner&, const ProcOwner&) = default;
};
std::optional<ProcOwner> parse_proc_status(std::string_view text);

// The v2 path of /proc/PID/cgroup, its line "0::PATH"; nullopt when there is none.
std::optional<std::string> parse_proc_cgroup(std::string_view text);

// Arguments that each end with a NUL; the last one's may be missing. At most kMaxArguments.
inline constexpr std::size_t kMaxArguments = 256;
std::vector<std::string> split_arguments(std::string_view bytes);
// The arguments with a space between them, at most kMaxCommand bytes.
std::string command_text(const std::vector<std::string>& arguments);

// What a link in /proc/PID/fd points at, when it is a socket: "socket:[INODE]".
std::optional<std::uint64_t> parse_socket_link(std::string_view target);

// Takes " (deleted)" off, the mark of a file without a name; true when it was there.
bool take_deleted_mark(std::string& path);

}  // namespace tollgate
