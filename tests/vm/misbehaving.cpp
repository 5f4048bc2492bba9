// SPDX-License-Identifier: GPL-2.0-or-later
// What harness_test.py runs in the machine: each case ends in another way that must not count as
// passed. Never run it outside the machine: one of them takes the kernel down.
#include <unistd.h>

#include <fstream>

#include "catch.hpp"

TEST_CASE("passes") { CHECK(getpid() > 0); }

TEST_CASE("fails") { CHECK(getpid() < 0); }

TEST_CASE("asserts nothing") {}

TEST_CASE("is skipped") { WARN("SKIPPED: to show that it is said"); }

// With an exit status that says that all is well.
TEST_CASE("ends early") { _exit(0); }

TEST_CASE("hangs") {
  while (true) pause();
}

TEST_CASE("panics") {
  // Only as the machine's own: its first process is our init.
  std::ifstream settings{"/vm/settings"};
  REQUIRE(settings.good());
  std::ofstream{"/proc/sysrq-trigger"} << 'c';
  while (true) pause();
}
