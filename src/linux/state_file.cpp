// SPDX-License-Identifier: GPL-2.0-or-later
#include "state_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>

#include "netlink_socket.hpp"
#include "system_sources.hpp"

namespace tollgate {
namespace {

std::string failure(const std::string& path, const char* what) {
  return path + ": " + what + ": " + error_text(errno);
}

bool write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return ::fsync(fd) == 0;
}

}  // namespace

std::optional<std::string> replace_file(const std::string& path, const std::string& text) {
  const std::string folder = path.substr(0, path.rfind('/'));
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return failure(folder, "cannot be made");
  const std::string fresh = path + ".new";
  {
    const FileDescriptor file{
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!file.valid()) return failure(fresh, "cannot be opened");
    if (!write_whole(file.get(), text)) {
      const std::string problem = failure(fresh, "cannot be written");
      ::unlink(fresh.c_str());
      return problem;
    }
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failure(path, "cannot be replaced");
  // The new name is only there for good when its folder is on disk.
  const FileDescriptor directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory.valid() || ::fsync(directory.get()) != 0) return failure(folder, "cannot be synchronized");
  return std::nullopt;
}

std::string added_rules_file(const std::string& state) { return state + "/rules.toml"; }

Result<AddedRules, Diagnostics> read_added_rules(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) return AddedRules{};
  const auto text = SystemSources{}.read(path);
  if (!text) return Diagnostics{text.error()};
  return AddedRules::parse({path, *text});
}

}  // namespace tollgate
