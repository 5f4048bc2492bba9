// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tollgate::test {

// How long a test waits for something that must happen. It decides nothing but when a test that
// has failed ends: an emulated machine is fifty times slower than a real one.
inline constexpr std::chrono::seconds kPatience{120};

// Calls `happened` again and again until it says true; throws "WHAT did not happen" past kPatience.
void wait_until(const std::string& what, const std::function<bool()>& happened);

struct SpawnOptions {
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;                                      // of itself only: no other groups
  std::vector<std::pair<std::string, std::string>> environment;  // added
  // In our own process namespace: it sees us as a daemon of the machine would, and stays when we are killed.
  bool beside_us = false;
};

struct Finished {
  int status = 0;  // exit status; 128 + signal when a signal ended it
  std::string output;
  std::string errors;
};

// A program of others (or ours) that runs in the namespace of the thread that started it. It and
// everything that it starts ends with the test program, however that one ends: all of them live in
// a process namespace whose first process dies with us.
class Process {
 public:
  explicit Process(std::vector<std::string> command, const SpawnOptions& options = {});
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();  // kills it if need be

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  bool running();
  Finished wait();             // throws past kPatience
  std::string output() const;  // so far; what is written to stdout, to stderr
  std::string errors() const;

 private:
  void take(Process& other);
  std::string name_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  int output_ = -1;
  int errors_ = -1;
  std::optional<int> status_;
};

// Runs it to its end.
Finished run(std::vector<std::string> command, const SpawnOptions& options = {});
// As run; throws what it said when its status is not 0.
std::string must_run(std::vector<std::string> command, const SpawnOptions& options = {});

// Where the program is, looking into root's PATH too; nullopt when it is not installed.
std::optional<std::string> find_program(const std::string& name);

// A directory of its own, readable by everybody, gone with its owner, or, when its owner was killed,
// with the next test program that calls remove_leftovers.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  const std::string& path() const { return path_; }
  // Writes path()/name, making the directories on the way. The whole path.
  std::string write(const std::string& name, const std::string& text) const;

 private:
  std::string path_;
};

// Removes the directories of test programs that do not run any more.
void remove_leftovers();

}  // namespace tollgate::test
