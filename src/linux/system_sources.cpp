// SPDX-License-Identifier: GPL-2.0-or-later
#include "system_sources.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <vector>

#include "gzip.hpp"
#include "netlink_socket.hpp"
#include "place_file.hpp"
#include "suffix_file.hpp"

namespace tollgate {

namespace {

// More than a list of a million names takes.
constexpr std::size_t kMaxFileSize = 64 << 20;
constexpr std::size_t kMaxUnpacked = 256 << 20;
// Group entries hold all their members; past this the name counts as unknown.
constexpr std::size_t kMaxEntry = 16 << 20;

Diagnostic about(const std::string& path, std::string message) { return {path, 0, 0, std::move(message)}; }

// Reads to the end of the file, whatever size it had when it was opened.
Result<std::string, int> read_to_end(const FileDescriptor& file) {
  std::string text;
  std::array<char, 16384> part{};
  while (text.size() <= kMaxFileSize) {
    const ssize_t size = ::read(file.get(), part.data(), part.size());
    if (size == 0) return text;
    if (size < 0 && errno != EINTR) return errno;
    if (size > 0) text.append(part.data(), static_cast<std::size_t>(size));
  }
  return EFBIG;
}

Result<std::string, Diagnostic> unpacked(const std::string& path, std::string_view packed) {
  Result<std::string, GzipError> text = unpack_gzip(packed, kMaxUnpacked);
  if (text) return std::move(*text);
  if (text.error() == GzipError::too_large) return about(path, "larger than 256 MiB when unpacked");
  return about(path, "not in gzip's format, or cut short");
}

bool is_policy_name(const std::filesystem::path& path) {
  return path.extension() == ".toml" && !path.filename().native().starts_with('.');
}

// getpwnam_r and getgrnam_r with as much room as they want.
template <class Entry, class Function>
bool look_up(const std::string& name, Entry& entry, Function function) {
  std::vector<char> room(4096);
  for (;;) {
    Entry* found = nullptr;
    const int error = function(name.c_str(), &entry, room.data(), room.size(), &found);
    if (error == ERANGE && room.size() < kMaxEntry) {
      room.resize(room.size() * 4);
    } else if (error != EINTR) {
      return found != nullptr;
    }
  }
}

}  // namespace

Result<std::string, Diagnostic> SystemSources::read(const std::string& path) {
  if (!policy_files_.contains(path)) lists_.insert(path);
  // Not blocking: the other end of a FIFO may never come.
  const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!file.valid()) return about(path, error_text(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return about(path, error_text(errno));
  if (S_ISDIR(status.st_mode)) return about(path, error_text(EISDIR));
  if (!S_ISREG(status.st_mode)) return about(path, "not a regular file");
  Result<std::string, int> text = read_to_end(file);
  if (text) return path.ends_with(".gz") ? unpacked(path, *text) : std::move(*text);
  if (text.error() == EFBIG) return about(path, "larger than 64 MiB");
  return about(path, error_text(text.error()));
}

Result<std::vector<std::string>, Diagnostic> SystemSources::policy_files(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return about(path, error_text(error ? error.value() : ENOENT));
  std::vector<std::string> files;
  if (!std::filesystem::is_directory(status)) {
    files.push_back(path);
    policy_files_.insert(path);
    return files;
  }
  std::filesystem::directory_iterator entry{path, error};
  for (; !error && entry != std::filesystem::directory_iterator{}; entry.increment(error)) {
    if (is_policy_name(entry->path())) files.push_back(entry->path().string());
  }
  if (error) return about(path, error_text(error.value()));
  std::sort(files.begin(), files.end());
  policy_files_.insert(files.begin(), files.end());
  return files;
}

Result<std::shared_ptr<const PlaceDatabase>, Diagnostic> SystemSources::places(const std::string& path) {
  lists_.insert(path);
  return open_place_file(path);
}

Result<std::shared_ptr<const SuffixList>, Diagnostic> SystemSources::suffixes() {
  std::string file;
  auto list = open_suffix_file(file);
  if (!file.empty()) lists_.insert(file);
  return list;
}

std::optional<std::uint32_t> SystemSources::user_id(const std::string& name) {
  passwd entry{};
  if (!look_up(name, entry, ::getpwnam_r)) return std::nullopt;
  return entry.pw_uid;
}

std::optional<std::uint32_t> SystemSources::group_id(const std::string& name) {
  group entry{};
  if (!look_up(name, entry, ::getgrnam_r)) return std::nullopt;
  return entry.gr_gid;
}

Time SystemSources::now() {
  return Time{std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch())};
}

Result<Config, Diagnostics> load_config(const std::string& path) {
  const Result<std::string, Diagnostic> text = SystemSources{}.read(path);
  if (!text) return Diagnostics{text.error()};
  return parse_config(*text, path);
}

}  // namespace tollgate
