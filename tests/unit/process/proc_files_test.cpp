// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/process/proc_files.hpp"

#include "catch.hpp"
#include "tollgate/process/process.hpp"

using namespace tollgate;

TEST_CASE("stat: pid, name, parent and start time") {
  const auto stat = parse_proc_stat(
      "4711 (nginx) S 1 4711 4711 0 -1 4194624 228 0 0 0 1 2 0 0 20 0 1 0 123456 11111 22 "
      "18446744073709551615 1");
  REQUIRE(stat);
  CHECK(*stat == ProcStat{4711, "nginx", 'S', 1, 123456, false, false});
}

TEST_CASE("stat: a name may hold what ends it") {
  const auto stat = parse_proc_stat("7 (a) S 1 (b\n)) R 3 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 99 0");
  REQUIRE(stat);
  CHECK(stat->name == "a) S 1 (b\n)");
  CHECK(stat->parent == 3);
  CHECK(stat->start == 99);
}

TEST_CASE("stat: a process that has executed a program is not just forked") {
  const auto forked = parse_proc_stat("7 (a) S 1 7 7 0 -1 4194368 0 0 0 0 0 0 0 0 20 0 1 0 99 0");
  const auto executed = parse_proc_stat("7 (a) S 1 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 99 0");
  REQUIRE((forked && executed));
  CHECK_FALSE(forked->executed);
  CHECK(executed->executed);
}

TEST_CASE("stat: a process that is about to end") {
  const auto runs = parse_proc_stat("7 (a) R 1 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 99 0");
  const auto ends = parse_proc_stat("7 (a) R 1 7 7 0 -1 4194308 0 0 0 0 0 0 0 0 20 0 1 0 99 0");
  REQUIRE((runs && ends));
  CHECK_FALSE(runs->exiting);
  CHECK(ends->exiting);
}

TEST_CASE("stat: a thread of the kernel") {
  const auto stat = parse_proc_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 1 0");
  REQUIRE(stat);
  CHECK(stat->kernel);
}

TEST_CASE("stat: what is cut or not a number is none") {
  for (const char* text : {"", "7", "7 (a", "7 a) S 1", "x (a) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 99 0",
                           "7 (a) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0",
                           "7 (a) S 1 7 7 0 -1 0 0 0 x 0 0 0 0 0 20 0 1 0 99", "7 (a) SS 1"}) {
    INFO(text);
    CHECK_FALSE(parse_proc_stat(text));
  }
}

TEST_CASE("status: the effective owner") {
  CHECK(parse_proc_status("Name:\tping\nUid:\t1000\t0\t0\t1000\nGid:\t1000\t1001\t1000\t1000\n") ==
        ProcOwner{0, 1001});
  CHECK_FALSE(parse_proc_status("Uid:\t1000\nGid:\t1\t1\n"));
  CHECK_FALSE(parse_proc_status("Uid:\t1000\t1000\n"));
}

TEST_CASE("cgroup: the v2 line among those of v1") {
  CHECK(parse_proc_cgroup("12:pids:/a\n1:name=systemd:/b\n0::/system.slice/a.service\n") ==
        "/system.slice/a.service");
  CHECK(parse_proc_cgroup("0::/") == "/");
  CHECK_FALSE(parse_proc_cgroup("12:pids:/a\n"));
}

TEST_CASE("arguments: each ends with a NUL, the last one maybe not") {
  using Arguments = std::vector<std::string>;
  const auto split = [](std::string_view bytes) { return split_arguments(bytes); };
  CHECK(split(std::string_view{"a\0\0b c\0", 7}) == Arguments{"a", "", "b c"});
  CHECK(split(std::string_view{"a\0b", 3}) == Arguments{"a", "b"});
  CHECK(split("") == Arguments{});
  CHECK(split_arguments(std::string(1000, '\0')).size() == kMaxArguments);
}

TEST_CASE("the command line has spaces between its arguments, and a bound") {
  CHECK(command_text({"curl", "-s", "http://x"}) == "curl -s http://x");
  CHECK(command_text({std::string(kMaxCommand, 'x'), "y"}).size() == kMaxCommand);
}

TEST_CASE("a number in /proc is a number and nothing else") {
  CHECK(parse_proc_number("4711") == 4711U);
  for (const char* text : {"", "self", "4711x", "-1", " 1", "4294967296"}) {
    INFO(text);
    CHECK_FALSE(parse_proc_number(text));
  }
}

TEST_CASE("links of descriptors") {
  CHECK(parse_socket_link("socket:[4711]") == 4711);
  for (const char* text :
       {"socket:[]", "socket:[4711", "pipe:[1]", "socket:[1]x", "socket:[1 2]", "/tmp/socket:[1]"})
    CHECK_FALSE(parse_socket_link(text));
}

TEST_CASE("the mark of a deleted file") {
  std::string path = "/usr/bin/a (deleted)";
  CHECK(take_deleted_mark(path));
  CHECK(path == "/usr/bin/a");
  CHECK_FALSE(take_deleted_mark(path));
}
