// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/program_hash.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "catch.hpp"
#include "linux/proc_reader.hpp"
#include "temporary_folder.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

// FIPS 180-4's own example.
constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

Process ended_program(const std::string& path) {
  struct stat about {};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  Process process;
  process.id = {0x3fffff, 0, 100'000'000'000};  // nobody's, and later than everything
  process.source = ProcessSource::ebpf;
  process.path = path;
  process.file = {about.st_dev, about.st_ino};
  return process;
}

void write(const std::string& path, const std::string& text) { std::ofstream{path} << text; }

// A copy of sleep(1) that runs.
class Sleeper {
 public:
  explicit Sleeper(const std::string& program) {
    std::array<int, 2> started{};
    REQUIRE(::pipe2(started.data(), O_CLOEXEC) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execl(program.c_str(), "sleep", "1000", static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::close(started[1]);
    char nothing = 0;
    CHECK(::read(started[0], &nothing, 1) == 0);  // closed by exec
    ::close(started[0]);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Process read() const { return read_process(static_cast<std::uint32_t>(pid_), {}).value(); }

 private:
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("the hash of a file, of what it is now, and of no other") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/program";
  write(path, "abc");
  ProgramHashes hashes;
  const Process program = ended_program(path);
  CHECK(hashes.of(program) == kAbc);
  CHECK(hashes.of(program) == kAbc);
  CHECK(hashes.size() == 1);
  write(path, "abd");  // the same file, written to
  const std::string other = hashes.of(program);
  CHECK(other.size() == 64);
  CHECK(other != kAbc);
  std::filesystem::rename(path, path + ".old");
  write(path, "abc");  // another file
  CHECK(hashes.of(program).empty());
  CHECK(hashes.of(ended_program(path)) == kAbc);
  std::filesystem::remove(path);
  CHECK(hashes.of(program).empty());
}

TEST_CASE("a program that has ended and whose file was written to since it began has no hash") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/program";
  write(path, "abc");
  Process program = ended_program(path);
  program.id.start = 1;
  CHECK(ProgramHashes{}.of(program).empty());
}

TEST_CASE("the kernel, folders, devices and what has no file have no hash") {
  const TemporaryFolder folder;
  ProgramHashes hashes;
  CHECK(hashes.of(ended_program(folder.path())).empty());
  CHECK(hashes.of(ended_program("/dev/zero")).empty());
  CHECK(hashes.of(Process{}).empty());
  const std::string pipe = folder.path() + "/pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(hashes.of(ended_program(pipe)).empty());
  CHECK(hashes.size() == 0);
}

TEST_CASE("a program that runs keeps its hash when its file is deleted or replaced") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/sleep";
  std::filesystem::copy_file("/bin/sleep", path);
  ProgramHashes hashes;
  const std::string expected = hashes.of(ended_program(path));
  REQUIRE(expected.size() == 64);
  const Sleeper sleeper{path};
  std::filesystem::remove(path);
  const Process deleted = sleeper.read();
  CHECK(deleted.deleted);
  CHECK(ProgramHashes{}.of(deleted) == expected);
  write(path, "abc");
  CHECK(ProgramHashes{}.of(deleted) == expected);
  CHECK(ProgramHashes{}.of(ended_program(path)) == kAbc);
}

TEST_CASE("on an overlay of two file systems a file is known by the overlay's own device as well") {
  const TemporaryFolder folder;
  for (const char* name : {"/lower", "/upper", "/merged"})
    std::filesystem::create_directory(folder.path() + name);
  write(folder.path() + "/lower/abc", "abc");
  std::string hash, skipped;
  // A thread's mounts are its own.
  std::thread{[&] {
    const std::string upper = folder.path() + "/upper", merged = folder.path() + "/merged";
    const std::string layers =
        "lowerdir=" + folder.path() + "/lower,upperdir=" + upper + "/files,workdir=" + upper + "/work";
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", upper.c_str(), "tmpfs", 0, nullptr) != 0 ||
        ::mkdir((upper + "/files").c_str(), 0755) != 0 || ::mkdir((upper + "/work").c_str(), 0755) != 0 ||
        ::mount("none", merged.c_str(), "overlay", 0, layers.c_str()) != 0) {
      skipped = "no overlay is to be had here";
      return;
    }
    struct stat of_overlay {};
    Process process = ended_program(merged + "/abc");
    if (::stat(merged.c_str(), &of_overlay) == 0) process.file.device = of_overlay.st_dev;
    hash = ProgramHashes{}.of(process);
  }}.join();
  if (!skipped.empty()) {
    WARN("SKIPPED: " << skipped);
    return;
  }
  CHECK(hash == kAbc);
}
