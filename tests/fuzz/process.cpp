// SPDX-License-Identifier: GPL-2.0-or-later
// The files of /proc/PID, cgroup paths and command lines: all of them hold what programs chose.
#include "tollgate/process/process.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tollgate/process/cgroup_path.hpp"
#include "tollgate/process/proc_files.hpp"
#include "tollgate/process/script.hpp"

using namespace tollgate;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto stat = parse_proc_stat(text)) require(stat->name.size() < size);
  parse_proc_status(text);
  if (const auto group = parse_proc_cgroup(text)) require(group->find('\n') == std::string::npos);
  parse_socket_link(text);
  const GroupNames names = read_cgroup_path(text);
  require(names == read_cgroup_path("/" + std::string{text}));
  app_of_path(text);
  static const std::vector<std::string> kAll = {"*"};
  const std::vector<std::string> arguments = split_arguments(text);
  require(arguments.size() <= kMaxArguments);
  require(command_text(arguments).size() <= kMaxCommand);
  for (const char* program : {"/usr/bin/python3", "/usr/bin/java", "/bin/sh"}) {
    script_of(program, arguments, "/", kAll);
  }
  std::string path{text};
  if (take_deleted_mark(path)) require(path.size() < size);
  return 0;
}
