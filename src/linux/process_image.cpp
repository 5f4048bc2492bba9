// SPDX-License-Identifier: GPL-2.0-or-later
#include "process_image.hpp"

#include <sys/sysmacros.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "proc_reader.hpp"
#include "tollgate/process/proc_files.hpp"

namespace tollgate {
namespace {

// Texts are put together from the end of their room.
std::string text(const char* room, std::size_t size, std::size_t length) {
  length = std::min(length, size);
  return {room + (size - length), length};
}
// The root of everything has no name.
std::string path(const char* room, std::size_t size, std::size_t length) {
  return length == 0 ? std::string{"/"} : text(room, size, length);
}

// dev_t as the kernel keeps it (linux/kdev_t.h) to what stat(2) says.
std::uint64_t device(std::uint32_t kernels) { return makedev(kernels >> 20, kernels & 0xfffff); }

void add_ancestors(Process& process, const ProcessId& parent,
                   const std::function<ProcessPointer(const ProcessId&)>& known) {
  if (parent.pid == 0) return;
  ProcessPointer found = known(parent);
  if (!found) {
    // It began before anybody watched. Only what has the same start time is it.
    std::optional<Process> read = read_process(parent.pid, {});
    if (read && read->id.start == parent.start) found = std::make_shared<const Process>(std::move(*read));
  }
  process.ancestors.push_back({parent, found ? found->path : std::string{}});
  if (!found) return;
  for (const Ancestor& ancestor : found->ancestors) {
    if (process.ancestors.size() >= kMaxAncestors) return;
    process.ancestors.push_back(ancestor);
  }
}

// Whether /proc speaks of the program that was told of. btrfs and overlayfs show stat(2) other devices and
// inodes than the kernel's own structures have: there the path has to do. `cut`: its beginning is missing.
bool same_program(const Process& read, const Process& told, bool cut) {
  if (read.id.start != told.id.start) return false;
  return read.file == told.file || read.path == told.path || (cut && read.path.ends_with(told.path));
}

}  // namespace

ProcessId process_id_of(const tollgate_process_key& key) {
  return {key.pid, key.exec, start_ticks(key.start)};
}

Process process_of(const tollgate_image& image, std::span<const std::string> interpreters,
                   const std::function<ProcessPointer(const ProcessId&)>& known) {
  const auto has = [&](std::uint32_t flag) { return (image.flags & flag) != 0; };
  Process process;
  process.id = process_id_of(image.process);
  process.source = has(TOLLGATE_IMAGE_KERNEL) ? ProcessSource::kernel : ProcessSource::ebpf;
  process.uid = image.uid;
  process.gid = image.gid;
  process.name = std::string_view{image.name, ::strnlen(image.name, sizeof image.name)};
  process.deleted = has(TOLLGATE_IMAGE_DELETED);
  process.file = {device(image.device), image.inode};
  if (!has(TOLLGATE_IMAGE_KERNEL)) {
    process.path = path(image.path, sizeof image.path, image.path_length);
    process.directory = path(image.directory, sizeof image.directory, image.directory_length);
  }
  process.cgroup = path(image.cgroup_path, sizeof image.cgroup_path, image.cgroup_length);
  const std::size_t command = std::min<std::size_t>(image.command_length, sizeof image.command);
  std::vector<std::string> arguments = split_arguments({image.command, command});
  // What was too long for the program, or not its to read (another process's arguments), /proc may
  // still say, while it is that process.
  const bool short_of = has(TOLLGATE_IMAGE_PATH_CUT) || has(TOLLGATE_IMAGE_CGROUP_CUT) ||
                        has(TOLLGATE_IMAGE_DIRECTORY_CUT) || !has(TOLLGATE_IMAGE_COMMAND);
  std::optional<Process> read;
  if (short_of && !has(TOLLGATE_IMAGE_KERNEL)) read = read_process(process.id.pid, interpreters);
  if (read && same_program(*read, process, has(TOLLGATE_IMAGE_PATH_CUT))) {
    if (has(TOLLGATE_IMAGE_PATH_CUT)) process.path = read->path;
    if (has(TOLLGATE_IMAGE_DIRECTORY_CUT)) process.directory = read->directory;
    if (has(TOLLGATE_IMAGE_CGROUP_CUT)) process.cgroup = read->cgroup;
    process.command = read->command;
    process.script = read->script;
  } else {
    if (has(TOLLGATE_IMAGE_PATH_CUT)) process.path.clear();
    if (has(TOLLGATE_IMAGE_DIRECTORY_CUT)) process.directory.clear();
    if (has(TOLLGATE_IMAGE_CGROUP_CUT)) process.cgroup.clear();
  }
  if (has(TOLLGATE_IMAGE_COMMAND)) process.command = command_text(arguments);
  const std::string script = process.script;
  complete(process, arguments, interpreters);
  if (process.script.empty()) process.script = script;
  add_ancestors(process, process_id_of(image.parent), known);
  return process;
}

}  // namespace tollgate
