// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "catch.hpp"
#include "linux/command.hpp"

using namespace tollgate;
using namespace std::chrono_literals;

TEST_CASE("a command gets its input and gives both outputs and its status") {
  const auto result = run_command({"sh", "-c", "cat; echo no >&2; exit 3"}, "yes\n", 20s);
  REQUIRE(result.ok());
  CHECK(result->out == "yes\n");
  CHECK(result->err == "no\n");
  CHECK(result->status == 3);
  CHECK_FALSE(result->ok());
}

TEST_CASE("a large input and a large output pass") {
  const std::string text(3 << 20, 'x');
  const auto result = run_command({"cat"}, text, 20s);
  REQUIRE(result.ok());
  CHECK(result->out == text);
}

TEST_CASE("a command that is not there is named") {
  const auto result = run_command({"tollgate-no-such-program"}, "", 1s);
  REQUIRE_FALSE(result.ok());
  CHECK(result.error() == "tollgate-no-such-program: not found");
}

TEST_CASE("a command that does not end is killed") {
  const auto result = run_command({"sleep", "1000"}, "", 50ms);
  REQUIRE_FALSE(result.ok());
  CHECK(result.error() == "sleep: did not end in time and was killed");
}

TEST_CASE("a command that dies of a signal says which") {
  const auto result = run_command({"sh", "-c", "kill -TERM $$"}, "", 20s);
  REQUIRE(result.ok());
  CHECK(result->status == 128 + 15);
}

TEST_CASE("a command inherits no descriptor") {
  const int leaked = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC, as a library might
  REQUIRE(leaked > 2);
  const auto result = run_command({"sh", "-c", "test -e /proc/self/fd/" + std::to_string(leaked)}, "", 20s);
  ::close(leaked);
  REQUIRE(result.ok());
  CHECK(result->status == 1);
}
