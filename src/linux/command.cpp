// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace tollgate {
namespace {

constexpr std::string_view kSystemPath = "/usr/sbin:/usr/bin:/sbin:/bin";

std::string what(int error) { return std::generic_category().message(error); }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_{fd} {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// The three streams are files in memory: no pipe that fills up, no SIGPIPE, no order of reading.
int memory_file(const char* name) { return ::memfd_create(name, MFD_CLOEXEC); }

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return ::lseek(fd, 0, SEEK_SET) == 0;
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 16384> buffer{};
  for (off_t at = 0;;) {
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
    at += n;
  }
}

std::string search_path() {
  const char* path = std::getenv("PATH");
  return (path != nullptr && *path != '\0' ? std::string{path} + ":" : std::string{}) +
         std::string{kSystemPath};
}

// "" when there is none. A directory that is not absolute is not searched: we may be root.
std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const std::string path = search_path();
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    if (begin < end && path[begin] == '/') {
      std::string candidate = path.substr(begin, end - begin) + "/" + name;
      if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    begin = end + 1;
  }
  return {};
}

class SpawnActions {
 public:
  SpawnActions(int in, int out, int err) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, in, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, out, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, err, STDERR_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  // 0, or what posix_spawn(3) says.
  int spawn(pid_t& pid, const std::string& program, const std::vector<std::string>& argv) {
    std::vector<char*> arguments;
    for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    std::string path = "PATH=" + search_path();
    std::string locale = "LC_ALL=C";
    std::array<char*, 3> environment{path.data(), locale.data(), nullptr};
    return ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, arguments.data(),
                         environment.data());
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// False when `limit` passed first.
bool ended_within(pid_t pid, Duration limit) {
  const Descriptor process{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (process.get() < 0) return true;  // an old kernel: waitpid alone
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{process.get(), POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) return true;
  }
}

int wait_status(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return 127;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Result<CommandOutput, std::string> run_command(const std::vector<std::string>& argv, std::string_view input,
                                               Duration limit) {
  const std::string& name = argv.front();
  const std::string program = find_program(name);
  if (program.empty()) return name + ": not found";

  const Descriptor in{memory_file("stdin")}, out{memory_file("stdout")}, err{memory_file("stderr")};
  if (in.get() < 0 || out.get() < 0 || err.get() < 0 || !write_all(in.get(), input)) {
    return name + ": no memory file for its streams: " + what(errno);
  }
  pid_t pid = 0;
  if (const int error = SpawnActions{in.get(), out.get(), err.get()}.spawn(pid, program, argv); error != 0) {
    return name + ": cannot be started: " + what(error);
  }
  const bool ended = ended_within(pid, limit);
  if (!ended) ::kill(pid, SIGKILL);
  const int status = wait_status(pid);
  if (!ended) return name + ": did not end in time and was killed";
  return CommandOutput{status, read_all(out.get()), read_all(err.get())};
}

}  // namespace tollgate
