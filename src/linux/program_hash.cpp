// SPDX-License-Identifier: GPL-2.0-or-later
#include "program_hash.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "netlink_socket.hpp"
#include "proc_reader.hpp"

namespace tollgate {
namespace {

constexpr std::size_t kPart = 128 * 1024;
constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * kSecond + time.tv_nsec; }

std::string hex(std::span<const unsigned char> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// "" when it could not be read to its end.
std::string sha256_of(int fd) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) return {};
  std::vector<char> part(kPart);
  for (;;) {
    const ssize_t size = ::read(fd, part.data(), part.size());
    if (size < 0) return {};
    if (size == 0) break;
    if (EVP_DigestUpdate(context.get(), part.data(), static_cast<std::size_t>(size)) != 1) return {};
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_DigestFinal_ex(context.get(), digest.data(), &length) != 1) return {};
  return hex(std::span{digest}.first(length));
}

// btrfs, and overlayfs of several file systems, tell stat(2) of another device than the kernel's own
// structures, by which eBPF programs know it.
bool same_file(int fd, const struct stat& about, const ProgramFile& file) {
  struct statfs system {};
  if (::fstatfs(fd, &system) != 0 || system.f_type == FUSE_SUPER_MAGIC) return false;
  const bool other_devices = system.f_type == BTRFS_SUPER_MAGIC || system.f_type == OVERLAYFS_SUPER_MAGIC;
  return about.st_ino == file.inode && (about.st_dev == file.device || other_devices);
}

// Nothing is opened for reading before it is known to be the file: that of a device or a pipe has
// consequences.
FileDescriptor open_program(const std::string& path, const ProgramFile& file) {
  const FileDescriptor found{::open(path.c_str(), O_PATH | O_CLOEXEC)};
  struct stat about {};
  if (!found.valid() || ::fstat(found.get(), &about) != 0 || !S_ISREG(about.st_mode)) return FileDescriptor{};
  if (!same_file(found.get(), about, file)) return FileDescriptor{};
  return FileDescriptor{
      ::open(("/proc/self/fd/" + std::to_string(found.get())).c_str(), O_RDONLY | O_CLOEXEC)};
}

// When the process began, as the clock on the wall counts; a tick too early rather than too late.
std::int64_t began(const ProcessId& id) {
  timespec wall{}, boot{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  const auto tick = kSecond / ::sysconf(_SC_CLK_TCK);
  return nanoseconds(wall) - nanoseconds(boot) + static_cast<std::int64_t>(id.start) * tick;
}

}  // namespace

ProgramHashes::Edition ProgramHashes::edition_of(int fd) {
  struct stat about {};
  if (::fstat(fd, &about) != 0) return {};
  return {about.st_dev, about.st_ino, static_cast<std::uint64_t>(about.st_size), nanoseconds(about.st_mtim),
          nanoseconds(about.st_ctim)};
}

std::string ProgramHashes::of_file(int fd, const Edition& edition) {
  if (const auto known = known_.find(edition); known != known_.end()) return known->second;
  if (edition.size > kLargest) return {};
  std::string hash = sha256_of(fd);
  if (hash.empty() || edition_of(fd) != edition) return {};  // somebody writes to it
  if (known_.size() >= kMost) known_.clear();
  known_.emplace(edition, hash);
  return hash;
}

// While the process runs, nobody can write to its program (ETXTBSY, execve(2)), and its link leads there also
// when the file has no name any more. Once it has ended, the file of that name is what ran if it is the same
// one and nobody has changed it since the process began.
std::string ProgramHashes::of(const Process& process) {
  if (process.source == ProcessSource::kernel || process.file.inode == 0) return {};
  const std::string pid = std::to_string(process.id.pid);
  const FileDescriptor running = open_program("/proc/" + pid + "/exe", process.file);
  if (running.valid()) {
    std::string hash = of_file(running.get(), edition_of(running.get()));
    const std::optional<ProcessId> now = process_id(process.id.pid);
    if (now && now->start == process.id.start) return hash;
  }
  if (process.deleted) return {};
  const FileDescriptor left = open_program(process.path, process.file);
  if (!left.valid()) return {};
  const Edition edition = edition_of(left.get());
  const std::optional<ProcessId> now = process_id(process.id.pid);
  const bool runs = now && now->start == process.id.start;
  if (!runs && edition.changed >= began(process.id)) return {};
  return of_file(left.get(), edition);
}

}  // namespace tollgate
