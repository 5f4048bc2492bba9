// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/proc_census.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "catch.hpp"
#include "held_socket.hpp"

using namespace tollgate;
using namespace tollgate::test;

TEST_CASE("/proc tells all who hold a socket, as far as it may be read") {
  HeldSocket socket;
  const SocketCensus census = census_of_proc();
  const auto both = census.holders(socket.inode());
  REQUIRE(both.size() == 2);
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  CHECK(both[0].process.pid == static_cast<std::uint32_t>(::getpid()));
  CHECK(both[0].path == self);
  CHECK_FALSE(both[0].name.empty());
  CHECK(both[1].process.pid == socket.child());
  CHECK(both[1].path == self);
  socket.let_go();
  CHECK(census_of_proc().holders(socket.inode()).size() == 1);
}
