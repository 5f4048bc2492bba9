// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "linux/netlink_socket.hpp"
#include "tollgate/base/result.hpp"

namespace tollgate {

// Tells that files were written, replaced or removed (inotify(7)), also behind a symbolic link. Their
// folders are watched, so a file that is not there yet is seen when it comes.
class FileWatch {
 public:
  static Result<FileWatch, std::string> open();

  int fd() const { return fd_.get(); }  // non-blocking
  // These files from now on, and no others; absolute paths. Returns those that cannot be watched.
  std::vector<std::string> watch(std::span<const std::string> files);
  // Takes all that is there. True when one of the files changed since the last call, or may have.
  bool changed();

 private:
  explicit FileWatch(FileDescriptor fd) : fd_{std::move(fd)} {}
  bool add(const std::string& file);
  FileDescriptor fd_;
  std::map<int, std::set<std::string, std::less<>>> names_;  // by the watch of their folder
};

}  // namespace tollgate
