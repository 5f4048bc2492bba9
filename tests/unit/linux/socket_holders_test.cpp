// SPDX-License-Identifier: GPL-2.0-or-later
// On a /proc of links that point at no socket: what is read is the links' text.
#include "linux/socket_holders.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "catch.hpp"
#include "temporary_folder.hpp"

using namespace tollgate;
using tollgate::test::TemporaryFolder;

namespace {

class Proc {
 public:
  void open(std::uint32_t pid, unsigned descriptor, const std::string& target) const {
    const std::filesystem::path folder = descriptors(pid);
    std::filesystem::create_directories(folder);
    std::filesystem::create_symlink(target, folder / std::to_string(descriptor));
  }
  void open_socket(std::uint32_t pid, unsigned descriptor, std::uint64_t inode) const {
    open(pid, descriptor, "socket:[" + std::to_string(inode) + "]");
  }
  void close(std::uint32_t pid, unsigned descriptor) const {
    std::filesystem::remove(descriptors(pid) / std::to_string(descriptor));
  }
  void write(const std::string& name, const std::string& text) const { folder_.write(name, text); }
  const std::string& path() const { return folder_.path(); }

 private:
  std::filesystem::path descriptors(std::uint32_t pid) const {
    return folder_.file(std::to_string(pid) + "/fd");
  }
  TemporaryFolder folder_;
};

using Left = SocketHolders::Left;
using Answers = std::map<SocketHolders::Ticket, std::optional<std::uint32_t>>;

// To the end of what is searched; how many turns that took.
int search_all(SocketHolders& holders, Answers& answers) {
  int turns = 1;
  while (holders.turn([&](SocketHolders::Ticket ticket, std::optional<std::uint32_t> pid) {
    REQUIRE(answers.emplace(ticket, pid).second);
  }) != Left::nothing)
    ++turns;
  return turns;
}

}  // namespace

TEST_CASE("a search finds the holder, or that there is none") {
  const Proc proc;
  proc.open(10, 0, "/dev/null");
  proc.open_socket(10, 3, 1001);
  proc.open_socket(20, 4, 1002);
  SocketHolders holders{proc.path()};
  CHECK_FALSE(holders.find_quickly(1001));
  REQUIRE(holders.search(1001, 1));
  REQUIRE(holders.search(1002, 2));
  REQUIRE(holders.search(1003, 3));
  Answers answers;
  search_all(holders, answers);
  CHECK(answers == Answers{{1, 10}, {2, 20}, {3, std::nullopt}});
}

TEST_CASE("two who ask for one socket both hear of it") {
  const Proc proc;
  proc.open_socket(10, 3, 1001);
  SocketHolders holders{proc.path()};
  REQUIRE(holders.search(1001, 1));
  REQUIRE(holders.search(1001, 2));
  Answers answers;
  search_all(holders, answers);
  CHECK(answers == Answers{{1, 10}, {2, 10}});
}

TEST_CASE("whoever had a socket lately, or began lately, is found without a search") {
  const Proc proc;
  proc.open_socket(10, 3, 1001);
  SocketHolders holders{proc.path()};
  Answers answers;
  REQUIRE(holders.search(1001, 1));
  search_all(holders, answers);
  CHECK(holders.find_quickly(1001) == 10U);
  proc.open_socket(10, 4, 1002);
  CHECK(holders.find_quickly(1002) == 10U);
  proc.open_socket(30, 7, 1003);
  CHECK_FALSE(holders.find_quickly(1003));
  holders.began(30);
  CHECK(holders.find_quickly(1003) == 30U);
  CHECK(holders.counters().quick == 3);
}

TEST_CASE("a holder that let go is none any more") {
  const Proc proc;
  proc.open_socket(10, 3, 1001);
  SocketHolders holders{proc.path()};
  holders.began(10);
  REQUIRE(holders.find_quickly(1001) == 10U);
  CHECK(holders.still_holds(10, 1001));
  proc.close(10, 3);
  CHECK_FALSE(holders.still_holds(10, 1001));
  CHECK_FALSE(holders.find_quickly(1001));
}

TEST_CASE("a search takes turns, and whoever joins it late still sees all of it") {
  const Proc proc;
  constexpr std::uint32_t kProcesses = 30;
  for (std::uint32_t pid = 1; pid <= kProcesses; ++pid) {
    for (unsigned descriptor = 0; descriptor < 100; ++descriptor) {
      proc.open_socket(pid, descriptor, pid * 1000 + descriptor);
    }
  }
  SocketHolders holders{proc.path()};
  REQUIRE(holders.search(1, 1));  // nobody's: keeps the search going to its end
  Answers answers;
  REQUIRE(holders.turn([](auto, auto) { FAIL("nothing is found in the first turn"); }) == Left::urgent);
  REQUIRE(holders.search(kProcesses * 1000, 2));  // of the process that was looked at first
  const int turns = search_all(holders, answers);
  CHECK(answers == Answers{{1, std::nullopt}, {2, kProcesses}});
  CHECK(turns >= 3);
}

TEST_CASE("the youngest are looked at first, also when pids have begun anew") {
  const Proc proc;
  for (const std::uint32_t pid : {100U, 200U, 30'000U, 30'001U}) {
    for (unsigned descriptor = 0; descriptor < 60; ++descriptor) {
      proc.open_socket(pid, descriptor, pid * 1000 + descriptor);
    }
  }
  proc.write("loadavg", "0.00 0.01 0.05 1/234 200\n");
  SocketHolders holders{proc.path()};
  std::vector<SocketHolders::Ticket> order;
  for (const std::uint32_t pid : {100U, 200U, 30'000U, 30'001U}) REQUIRE(holders.search(pid * 1000, pid));
  while (holders.turn([&](SocketHolders::Ticket ticket, std::optional<std::uint32_t> pid) {
    CHECK(pid == ticket);
    order.push_back(ticket);
  }) != Left::nothing) {
  }
  CHECK(order == std::vector<SocketHolders::Ticket>{200, 100, 30'001, 30'000});
}

TEST_CASE("who asks does not wait for the end of looking around") {
  const Proc proc;
  for (unsigned descriptor = 0; descriptor < 3000; ++descriptor) proc.open(10, descriptor, "/dev/null");
  SocketHolders holders{proc.path()};
  holders.look_around();
  REQUIRE(holders.turn([](auto, auto) { FAIL("nobody asked"); }) == Left::unhurried);
  proc.open_socket(25, 3, 1001);
  REQUIRE(holders.search(1001, 7));
  Answers answers;
  CHECK(holders.turn([&](auto ticket, auto pid) { answers[ticket] = pid; }) == Left::unhurried);
  CHECK(answers == Answers{{7, 25}});
  search_all(holders, answers);  // and then looks around to the end
}

TEST_CASE("one process with many descriptors takes as many turns as many processes") {
  const Proc proc;
  for (unsigned descriptor = 0; descriptor < 250; ++descriptor) proc.open(10, descriptor, "/dev/null");
  proc.open_socket(10, 250, 1001);
  SocketHolders holders{proc.path()};
  holders.began(10);
  CHECK_FALSE(holders.find_quickly(1));  // it does not look that far
  REQUIRE(holders.search(1, 1));         // nobody's
  Answers answers;
  CHECK(search_all(holders, answers) == 3);
  CHECK(answers == Answers{{1, std::nullopt}});
}

TEST_CASE("who looks around knows the holders of what was open then") {
  const Proc proc;
  for (std::uint32_t pid = 1; pid <= 100; ++pid) proc.open_socket(pid, 5, pid);
  SocketHolders holders{proc.path()};
  CHECK(holders.turn([](auto, auto) { FAIL("nobody asked"); }) == Left::nothing);
  holders.look_around();
  Answers answers;
  search_all(holders, answers);
  CHECK(answers.empty());
  for (std::uint32_t pid = 1; pid <= 100; ++pid) CHECK(holders.find_quickly(pid) == pid);
  // What was noted counts only as long as it is so.
  proc.close(50, 5);
  CHECK_FALSE(holders.find_quickly(50));
}

TEST_CASE("too many who wait: the last is refused and counted") {
  const Proc proc;
  SocketHolders holders{proc.path()};
  for (std::size_t i = 0; i < SocketHolders::kMostWaiting; ++i) REQUIRE(holders.search(i + 1, i));
  CHECK_FALSE(holders.search(1, 0));
  CHECK(holders.counters().refused == 1);
  Answers answers;
  search_all(holders, answers);
  CHECK(answers.size() == SocketHolders::kMostWaiting);
}
