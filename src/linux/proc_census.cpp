// SPDX-License-Identifier: GPL-2.0-or-later
#include "proc_census.hpp"

#include <dirent.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proc_reader.hpp"
#include "tollgate/process/proc_files.hpp"

namespace tollgate {
namespace {

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

Directory open_directory(const std::string& path) { return {::opendir(path.c_str()), &::closedir}; }

// The sockets of one process; false when they may not be looked at, or when it has just ended.
bool read_sockets(const std::string& folder, std::vector<std::uint64_t>& sockets) {
  sockets.clear();
  const Directory descriptors = open_directory(folder + "/fd");
  if (!descriptors) return false;
  while (const dirent* const entry = ::readdir(descriptors.get())) {
    const char* const name = static_cast<const char*>(entry->d_name);
    if (!parse_proc_number(name)) continue;
    std::array<char, 64> target{};
    const ssize_t size = ::readlinkat(::dirfd(descriptors.get()), name, target.data(), target.size());
    if (size < 0 && (errno == EACCES || errno == EPERM)) return false;
    if (size <= 0) continue;
    if (const auto inode = parse_socket_link({target.data(), static_cast<std::size_t>(size)}))
      sockets.push_back(*inode);
  }
  return true;
}

}  // namespace

SocketCensus census_of_proc() {
  SocketCensus census{SocketCensus::Key::inode};
  const Directory all = open_directory("/proc");
  if (!all) census.not_whole();
  std::vector<std::uint64_t> sockets;
  while (const dirent* const entry = all ? ::readdir(all.get()) : nullptr) {
    const auto pid = parse_proc_number(static_cast<const char*>(entry->d_name));
    if (!pid) continue;
    const std::optional<ProcessId> process = process_id(*pid);
    if (!process) continue;
    const std::string folder = "/proc/" + std::to_string(*pid);
    const bool all_read = read_sockets(folder, sockets);
    if (all_read && sockets.empty()) continue;
    std::string path = program_path(*pid), name = process_name(*pid);
    if (process_id(*pid) != process) continue;  // it has ended, and another may have its pid
    if (!all_read) census.not_whole();
    census.describe(*process, std::move(name), std::move(path));
    for (const std::uint64_t socket : sockets) census.add(socket, *process);
  }
  census.finish();
  return census;
}

}  // namespace tollgate
