// SPDX-License-Identifier: GPL-2.0-or-later
#include "proc_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <utility>
#include <vector>

#include "tollgate/process/cgroup_path.hpp"
#include "tollgate/process/proc_files.hpp"
#include "tollgate/process/script.hpp"

namespace tollgate {
namespace {

constexpr std::size_t kLongestFile = 64 * 1024;  // as much of a command line or a status as is read

// The folder of one process: a descriptor of it goes on meaning that process, whoever gets its pid.
class ProcFolder {
 public:
  explicit ProcFolder(std::uint32_t pid)
      : fd_{::open(("/proc/" + std::to_string(pid)).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)} {}

  bool there() const { return fd_.valid(); }

  FileDescriptor open(const char* name) const {
    return FileDescriptor{::openat(fd_.get(), name, O_RDONLY | O_CLOEXEC)};
  }
  std::string file(const char* name) const {
    std::string text;
    const FileDescriptor file = open(name);
    if (!file.valid()) return text;
    std::array<char, 4096> part{};
    while (text.size() < kLongestFile) {
      const ssize_t size = ::read(file.get(), part.data(), part.size());
      if (size <= 0) break;
      text.append(part.data(), static_cast<std::size_t>(size));
    }
    return text;
  }
  std::string link(const char* name) const {
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(fd_.get(), name, target.data(), target.size());
    return size <= 0 ? std::string{} : std::string{target.data(), static_cast<std::size_t>(size)};
  }
  std::optional<ProcStat> stat() const { return parse_proc_stat(file("stat")); }
  ProgramFile program_file() const {
    struct stat about {};
    if (::fstatat(fd_.get(), "exe", &about, 0) != 0) return {};
    return {about.st_dev, about.st_ino};
  }

 private:
  FileDescriptor fd_;
};

std::vector<Ancestor> ancestors_of(std::uint32_t parent) {
  std::vector<Ancestor> ancestors;
  while (parent != 0 && ancestors.size() < kMaxAncestors) {
    const ProcFolder folder{parent};
    const std::optional<ProcStat> stat = folder.stat();
    if (!stat) break;
    std::string path = folder.link("exe");
    take_deleted_mark(path);
    ancestors.push_back({{stat->pid, 0, stat->start}, std::move(path)});
    parent = stat->parent;
  }
  return ancestors;
}

}  // namespace

ProgramRun::ProgramRun(std::uint32_t pid) {
  const ProcFolder folder{pid};
  const std::optional<ProcStat> stat = folder.stat();
  if (stat && stat->executed) environment_ = folder.open("environ");
}

// The descriptor goes on meaning the memory that the process had when it was opened, which exec replaces
// (fs/proc/base.c: environ_read finds no users of it then).
bool ProgramRun::goes_on() const {
  char first = 0;
  return environment_.valid() && ::pread(environment_.get(), &first, 1, 0) == 1;
}

std::uint64_t start_ticks(std::uint64_t nanoseconds) {
  static const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return nanoseconds / (1'000'000'000 / per_second);
}

void complete(Process& process, std::span<const std::string> arguments,
              std::span<const std::string> interpreters) {
  process.script = script_of(process.path, arguments, process.directory, interpreters);
  process.group = read_cgroup_path(process.cgroup);
  process.app = process.group.app.empty() ? app_of_path(process.path) : process.group.app;
}

std::optional<ProcessId> process_id(std::uint32_t pid) {
  const std::optional<ProcStat> stat = ProcFolder{pid}.stat();
  if (!stat) return std::nullopt;
  return ProcessId{pid, 0, stat->start};
}

std::string process_name(std::uint32_t pid) {
  const std::optional<ProcStat> stat = ProcFolder{pid}.stat();
  return stat ? stat->name : std::string{};
}

std::string program_path(std::uint32_t pid) {
  std::string path = ProcFolder{pid}.link("exe");
  take_deleted_mark(path);
  return path;
}

std::optional<Process> read_process(std::uint32_t pid, std::span<const std::string> interpreters) {
  const ProcFolder folder{pid};
  if (!folder.there()) return std::nullopt;
  const std::optional<ProcStat> stat = folder.stat();
  if (!stat) return std::nullopt;
  Process process;
  process.id = {pid, 0, stat->start};
  process.source = stat->kernel ? ProcessSource::kernel : ProcessSource::proc;
  process.name = stat->name;
  process.path = folder.link("exe");
  process.deleted = take_deleted_mark(process.path);
  process.file = folder.program_file();
  const std::vector<std::string> arguments = split_arguments(folder.file("cmdline"));
  process.command = command_text(arguments);
  process.directory = folder.link("cwd");
  if (const auto owner = parse_proc_status(folder.file("status"))) {
    process.uid = owner->uid;
    process.gid = owner->gid;
  }
  process.cgroup = parse_proc_cgroup(folder.file("cgroup")).value_or(std::string{});
  complete(process, arguments, interpreters);
  process.ancestors = ancestors_of(stat->parent);
  // A process that has ended shows empty files; one that still runs has shown its own.
  const std::optional<ProcStat> afterwards = folder.stat();
  if (!afterwards || afterwards->state == 'Z' || afterwards->state == 'X') return std::nullopt;
  // One that is about to end keeps its descriptors for a moment after its memory and its names are gone.
  if (afterwards->exiting && (process.path.empty() || process.command.empty())) return std::nullopt;
  return process;
}

}  // namespace tollgate
