// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

// Network namespaces for tests. A test that needs one is skipped, visibly, without the rights:
//
//   if (const char* why = no_netns()) { WARN("SKIPPED: " << why); return; }
//   in_netns([] { … });
//
// in_netns runs its argument on a thread of its own inside a new network namespace that has no name
// and so cannot be left behind: it ends with the last socket and thread in it, also when the test
// program is killed. Failures inside (Catch2 assertions too) come out of in_netns.
namespace tollgate::test {

// Why no namespace can be made here; nullptr when it can.
inline const char* no_netns() {
  if (::geteuid() != 0) return "network namespaces need root";
  bool possible = false;
  std::thread{[&] { possible = ::unshare(CLONE_NEWNET) == 0; }}.join();
  return possible ? nullptr : "unshare(CLONE_NEWNET) is refused here";
}

inline void in_netns(const std::function<void()>& body) {
  std::exception_ptr failure;
  std::thread thread{[&] {
    try {
      if (::unshare(CLONE_NEWNET) != 0) throw std::runtime_error{"unshare(CLONE_NEWNET)"};
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }};
  thread.join();
  if (failure) std::rethrow_exception(failure);
}

// Runs a shell command in the namespace of the calling thread: a child is in its thread's
// namespace. What it says goes to `output`. The exit status, 127 when it could not be run.
inline int run_command(const std::string& command, std::string* output = nullptr) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return 127;
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    ::dup2(pipe[1], STDERR_FILENO);
    ::execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(pipe[1]);
  std::array<char, 4096> part{};
  for (ssize_t size = 0; (size = ::read(pipe[0], part.data(), part.size())) > 0;) {
    if (output != nullptr) output->append(part.data(), static_cast<std::size_t>(size));
  }
  ::close(pipe[0]);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return 127;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

// As run_command; throws what the command said when it fails.
inline void must_run(const std::string& command) {
  std::string output;
  if (run_command(command, &output) != 0) throw std::runtime_error{command + ": " + output};
}

// A network namespace with a name of its own, as `ip netns` makes it, for tests of whole programs
// (`ip netns exec NAME …`). Goes with its owner.
class NamedNetns {
 public:
  explicit NamedNetns(const std::string& suffix) : name_{"tg-" + std::to_string(::getpid()) + "-" + suffix} {
    must_run("ip netns add " + name_);
    must_run("ip -n " + name_ + " link set lo up");
  }
  NamedNetns(const NamedNetns&) = delete;
  NamedNetns& operator=(const NamedNetns&) = delete;
  ~NamedNetns() { run_command("ip netns del " + name_); }
  const std::string& name() const { return name_; }
  // The command to run `command` inside.
  std::string exec(const std::string& command) const { return "ip netns exec " + name_ + " " + command; }

 private:
  std::string name_;
};

}  // namespace tollgate::test
