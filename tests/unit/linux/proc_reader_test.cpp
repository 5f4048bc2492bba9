// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/proc_reader.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>

#include "catch.hpp"

using namespace tollgate;

TEST_CASE("this process, read from /proc") {
  const auto self = read_process(static_cast<std::uint32_t>(::getpid()), {});
  REQUIRE(self);
  CHECK(self->id.pid == static_cast<std::uint32_t>(::getpid()));
  CHECK(self->id.start != 0);
  CHECK(self->source == ProcessSource::proc);
  CHECK(self->path == std::filesystem::read_symlink("/proc/self/exe"));
  CHECK_FALSE(self->deleted);
  CHECK(self->directory == std::filesystem::current_path());
  CHECK(self->uid == ::geteuid());
  CHECK(self->gid == ::getegid());
  CHECK(self->file.inode != 0);
  REQUIRE_FALSE(self->ancestors.empty());
  CHECK(self->ancestors.front().id.pid == static_cast<std::uint32_t>(::getppid()));
  CHECK(process_id(self->id.pid) == self->id);
}

TEST_CASE("a process that has ended is none, also while its pid is still taken") {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t about{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &about, WEXITED | WNOWAIT) == 0);
  CHECK_FALSE(read_process(static_cast<std::uint32_t>(child), {}));
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK_FALSE(read_process(static_cast<std::uint32_t>(child), {}));
  CHECK_FALSE(process_id(static_cast<std::uint32_t>(child)));
}

TEST_CASE("a program whose file is gone goes by its old path") {
  const std::string copy =
      (std::filesystem::temp_directory_path() / ("tollgate-sleep-" + std::to_string(::getpid()))).string();
  std::filesystem::copy_file("/bin/sleep", copy);
  std::array<int, 2> started{};
  REQUIRE(::pipe2(started.data(), O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl(copy.c_str(), "sleep", "1000", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(started[1]);
  char nothing = 0;
  CHECK(::read(started[0], &nothing, 1) == 0);  // closed by exec
  ::close(started[0]);
  std::filesystem::remove(copy);
  const auto process = read_process(static_cast<std::uint32_t>(child), {});
  ::kill(child, SIGKILL);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  REQUIRE(process);
  CHECK(process->path == copy);
  CHECK(process->deleted);
  CHECK(process->command == "sleep 1000");
}
