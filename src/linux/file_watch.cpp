// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace tollgate {
namespace {

// Written and closed, put in place or taken away; and the folder itself taken away.
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                                  IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t kAnyName = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_Q_OVERFLOW;

}  // namespace

Result<FileWatch, std::string> FileWatch::open() {
  FileDescriptor fd{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
  if (!fd.valid()) return "inotify: " + error_text(errno);
  return FileWatch{std::move(fd)};
}

bool FileWatch::add(const std::string& file) {
  const std::filesystem::path path{file};
  const int watch = ::inotify_add_watch(fd_.get(), path.parent_path().c_str(), kEvents);
  if (watch < 0) return false;
  names_[watch].insert(path.filename().string());
  return true;
}

std::vector<std::string> FileWatch::watch(std::span<const std::string> files) {
  std::map<int, std::set<std::string, std::less<>>> before;
  before.swap(names_);
  std::vector<std::string> failed;
  for (const std::string& file : files) {
    bool added = add(file);
    std::error_code error;
    const std::filesystem::path target = std::filesystem::canonical(file, error);
    if (!error && target != file) added = add(target.string()) && added;
    if (!added) failed.push_back(file);
  }
  for (const auto& [watch, names] : before) {
    if (!names_.contains(watch)) ::inotify_rm_watch(fd_.get(), watch);
  }
  return failed;
}

bool FileWatch::changed() {
  alignas(inotify_event) std::array<char, 16 * 1024> buffer{};
  bool ours = false;
  for (;;) {
    const ssize_t size = ::read(fd_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return ours;
    const std::string_view all{buffer.data(), static_cast<std::size_t>(size)};
    for (std::size_t at = 0; at + sizeof(inotify_event) <= all.size();) {
      inotify_event event{};
      std::memcpy(&event, all.data() + at, sizeof event);
      const std::string_view name = all.substr(at + sizeof event, event.len);
      at += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) ours = true;
      const auto folder = names_.find(event.wd);
      if (folder == names_.end()) continue;  // of a watch that was given up
      ours = ours || (event.mask & kAnyName) != 0 || folder->second.contains(name.substr(0, name.find('\0')));
    }
  }
}

}  // namespace tollgate
