// SPDX-License-Identifier: GPL-2.0-or-later
#include "process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace tollgate::test {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error{errno, std::generic_category(), what};
}

int open_or_fail(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(path);
  return fd;
}

// The process namespace that all children live in. Its first process does nothing but die with us,
// whereupon the kernel kills all the others.
class Nursery {
 public:
  Nursery() : ours_{open_or_fail("/proc/self/ns/pid")} {
    if (::unshare(CLONE_NEWPID) != 0) fail("unshare(CLONE_NEWPID)");
    const pid_t first = ::fork();
    if (first < 0) fail("fork");
    if (first == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::signal(SIGCHLD, SIG_IGN);  // reaps whom nobody waits for
      for (;;) ::pause();
    }
    children_ = open_or_fail("/proc/" + std::to_string(first) + "/ns/pid");
    if (::setns(ours_, CLONE_NEWPID) != 0) fail("setns(CLONE_NEWPID)");
  }

  pid_t fork_inside() const {
    if (::setns(children_, CLONE_NEWPID) != 0) fail("setns(CLONE_NEWPID)");
    const pid_t child = ::fork();
    if (child != 0 && ::setns(ours_, CLONE_NEWPID) != 0) std::abort();
    return child;
  }

 private:
  int ours_ = -1;
  int children_ = -1;
};

const Nursery& nursery() {
  static const Nursery the_only;
  return the_only;
}

// Followed by the owner's process id and what makes it unique.
const std::string kDirectoryPrefix = "tollgate-test-";

std::string read_all(int fd) {
  struct stat file {};
  if (::fstat(fd, &file) != 0) fail("fstat");
  std::string text(static_cast<std::size_t>(file.st_size), '\0');
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return text;
}

int memory_file(const char* name) {
  const int fd = ::memfd_create(name, MFD_CLOEXEC);
  if (fd < 0) fail("memfd_create");
  return fd;
}

// Everything that the child needs is made before the fork: after it, in a program with threads,
// only system calls are safe.
struct Prepared {
  std::vector<char*> arguments;
  std::vector<std::string> environment;
  std::vector<char*> environment_pointers;
};

[[noreturn]] void become(const std::string& path, const Prepared& prepared, const SpawnOptions& options,
                         int output, int errors) {
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  ::setsid();
  const gid_t only = options.gid.value_or(0);
  const bool other_group = options.gid && (::setgroups(1, &only) != 0 || ::setgid(only) != 0);
  if (other_group || (options.uid && ::setuid(*options.uid) != 0)) ::_exit(126);
  ::signal(SIGPIPE, SIG_DFL);
  ::execve(path.c_str(), prepared.arguments.data(), prepared.environment_pointers.data());
  ::_exit(127);
}

Prepared prepare(std::vector<std::string>& command, const SpawnOptions& options) {
  Prepared prepared;
  for (std::string& word : command) prepared.arguments.push_back(word.data());
  prepared.arguments.push_back(nullptr);
  for (char** variable = environ; *variable != nullptr; ++variable)
    prepared.environment.emplace_back(*variable);
  for (const auto& [name, value] : options.environment) prepared.environment.push_back(name + "=" + value);
  for (std::string& variable : prepared.environment) prepared.environment_pointers.push_back(variable.data());
  prepared.environment_pointers.push_back(nullptr);
  return prepared;
}

}  // namespace

void wait_until(const std::string& what, const std::function<bool()>& happened) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!happened()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error{what + " did not happen"};
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
}

Process::Process(std::vector<std::string> command, const SpawnOptions& options) : name_{command.at(0)} {
  const auto path = find_program(name_);
  if (!path) throw std::runtime_error{"no program " + name_};
  const Prepared prepared = prepare(command, options);
  output_ = memory_file("stdout");
  errors_ = memory_file("stderr");
  pid_ = options.beside_us ? ::fork() : nursery().fork_inside();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) become(*path, prepared, options, output_, errors_);
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (pidfd_ < 0) fail("pidfd_open");
}

Process::Process(Process&& other) noexcept { take(other); }

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    Process old{std::move(*this)};
    take(other);
  }
  return *this;
}

void Process::take(Process& other) {
  name_ = std::move(other.name_);
  pid_ = std::exchange(other.pid_, -1);
  pidfd_ = std::exchange(other.pidfd_, -1);
  output_ = std::exchange(other.output_, -1);
  errors_ = std::exchange(other.errors_, -1);
  status_ = std::exchange(other.status_, std::nullopt);
}

Process::~Process() {
  if (pid_ < 0) return;
  if (!status_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (const int fd : {pidfd_, output_, errors_}) ::close(fd);
}

void Process::signal(int number) const {
  if (::kill(pid_, number) != 0) fail("kill " + name_);
}

bool Process::running() {
  if (status_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

Finished Process::wait() {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (running()) {
    if (std::chrono::steady_clock::now() > end) {
      throw std::runtime_error{name_ + " does not end; it said:\n" + output() + errors()};
    }
    pollfd ended{pidfd_, POLLIN, 0};
    ::poll(&ended, 1, 1000);
  }
  return {*status_, output(), errors()};
}

std::string Process::output() const { return read_all(output_); }
std::string Process::errors() const { return read_all(errors_); }

Finished run(std::vector<std::string> command, const SpawnOptions& options) {
  return Process{std::move(command), options}.wait();
}

std::string must_run(std::vector<std::string> command, const SpawnOptions& options) {
  std::string all;
  for (const std::string& word : command) all += word + ' ';
  const Finished finished = run(std::move(command), options);
  if (finished.status == 0) return finished.output;
  throw std::runtime_error{all + "ended with " + std::to_string(finished.status) + ":\n" + finished.output +
                           finished.errors};
}

std::optional<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (::access(name.c_str(), X_OK) != 0) return std::nullopt;
    return name;
  }
  const char* path = std::getenv("PATH");
  std::string places =
      (path != nullptr ? std::string{path} + ":" : "") + "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin:";
  for (std::size_t from = 0; from < places.size();) {
    const std::size_t to = places.find(':', from);
    std::string candidate = places.substr(from, to - from) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    from = to + 1;
  }
  return std::nullopt;
}

TemporaryDirectory::TemporaryDirectory() {
  const std::string mine = kDirectoryPrefix + std::to_string(::getpid()) + "-XXXXXX";
  std::string name = std::filesystem::temp_directory_path() / mine;
  if (::mkdtemp(name.data()) == nullptr) fail(name);
  ::chmod(name.c_str(), 0755);
  path_ = name;
}

void remove_leftovers() {
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator{std::filesystem::temp_directory_path(), ignored}) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kDirectoryPrefix)) continue;
    const std::string owner = name.substr(kDirectoryPrefix.size(), name.rfind('-') - kDirectoryPrefix.size());
    if (!std::filesystem::exists("/proc/" + owner)) std::filesystem::remove_all(entry.path(), ignored);
  }
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::write(const std::string& name, const std::string& text) const {
  const std::filesystem::path file = std::filesystem::path{path_} / name;
  std::filesystem::create_directories(file.parent_path());
  std::ofstream out{file};
  out << text << std::flush;
  if (!out) fail(file);
  return file;
}

}  // namespace tollgate::test
