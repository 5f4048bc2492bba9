// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/process_readings.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <utility>

#include "catch.hpp"

using namespace tollgate;

namespace {

ProcessPointer process(std::uint32_t pid) {
  Process process;
  process.id = {pid, 0, 1};
  return std::make_shared<const Process>(process);
}

// Becomes a shell when it is first told to go on, and `cat` when it is told a second time.
class Child {
 public:
  Child() {
    int input[2] = {};
    REQUIRE(::pipe2(input, O_CLOEXEC) == 0);
    tell_ = input[1];
    pid_ = ::fork();
    if (pid_ != 0) {
      ::close(input[0]);
      return;
    }
    char line = 0;
    if (::read(input[0], &line, 1) != 1 || ::dup2(input[0], 0) < 0) ::_exit(1);
    ::execl("/bin/sh", "sh", "-c", "read line; exec cat", nullptr);
    ::_exit(1);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    end();
    ::close(tell_);
  }
  std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }
  void go_on() const { REQUIRE(::write(tell_, "\n", 1) == 1); }
  void end() {
    if (std::exchange(over_, true)) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  int tell_ = -1;
  pid_t pid_ = -1;
  bool over_ = false;
};

template <class Happened>
void require_soon(Happened&& happened) {
  const auto patience = ProcessReadings::Clock::now() + std::chrono::minutes{1};
  while (!happened()) REQUIRE(ProcessReadings::Clock::now() < patience);
}

constexpr ProcessReadings::Clock::time_point kNow{std::chrono::hours{1}};

}  // namespace

TEST_CASE("what was read is good for a while, and until something happens to the process") {
  ProcessReadings readings{true};
  const ProcessPointer seven = process(7), eight = process(8);
  readings.end(seven, kNow);
  readings.end(eight, kNow);
  CHECK(readings.find(7, kNow) == seven);
  CHECK(readings.find(7, kNow + ProcessReadings::kGood - std::chrono::nanoseconds{1}) == seven);
  CHECK(readings.find(7, kNow + ProcessReadings::kGood) == nullptr);
  readings.forget(7);
  CHECK(readings.find(7, kNow) == nullptr);
  CHECK(readings.find(8, kNow) == eight);
  readings.forget_all();
  CHECK(readings.find(8, kNow) == nullptr);
}

TEST_CASE("what happens to a process while it is read disturbs the reading, and nobody else's does") {
  ProcessReadings readings{true};
  readings.begin(7);
  CHECK_FALSE(readings.disturbed());
  readings.forget(8);
  CHECK_FALSE(readings.disturbed());
  readings.forget(7);
  CHECK(readings.disturbed());
  readings.begin(7);
  CHECK_FALSE(readings.disturbed());
  readings.forget_all();  // events were lost: it may have been about that one
  CHECK(readings.disturbed());
}

TEST_CASE("too many readings: all begin anew") {
  ProcessReadings readings{true};
  for (std::uint32_t pid = 1; pid <= ProcessReadings::kMost; ++pid) readings.end(process(pid), kNow);
  CHECK(readings.find(1, kNow) != nullptr);
  readings.end(process(5000), kNow);
  CHECK(readings.find(1, kNow) == nullptr);
  CHECK(readings.find(5000, kNow) != nullptr);
}

TEST_CASE("where nobody tells, a reading is good as long as the same program runs") {
  Child child;  // so far only forked
  ProcessReadings readings;
  readings.begin(child.pid());
  CHECK(readings.disturbed());
  child.go_on();
  require_soon([&] {
    readings.begin(child.pid());
    return !readings.disturbed();
  });
  const ProcessPointer known = process(child.pid());
  readings.end(known, kNow);
  CHECK(readings.find(child.pid(), kNow) == known);
  child.go_on();  // another program
  require_soon([&] { return readings.find(child.pid(), kNow) == nullptr; });
  require_soon([&] {
    readings.begin(child.pid());
    return !readings.disturbed();
  });
  readings.end(known, kNow);
  CHECK(readings.find(child.pid(), kNow) == known);
  child.end();
  CHECK(readings.find(child.pid(), kNow) == nullptr);
}
