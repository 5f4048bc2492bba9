// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/state_file.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "catch.hpp"
#include "temporary_folder.hpp"

namespace tollgate {
namespace {

TEST_CASE("a state file is replaced whole, and nothing is left beside it") {
  const test::TemporaryFolder folder;
  const std::string state = folder.path() + "/state", path = added_rules_file(state);
  CHECK(read_added_rules(path)->all().empty());
  CHECK_FALSE(replace_file(path, "[[rule]]\nname = 'a'\nverdict = 'drop'\n"));
  struct stat status {};
  REQUIRE(::stat(state.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0700);
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  CHECK(read_added_rules(path)->all().size() == 1);
  CHECK_FALSE(replace_file(path, ""));
  CHECK(folder.read("state/rules.toml").empty());
  CHECK(read_added_rules(path)->all().empty());
  CHECK(std::distance(std::filesystem::directory_iterator{state}, {}) == 1);
}

TEST_CASE("what cannot be written is said, and what was there stays") {
  const test::TemporaryFolder folder;
  const std::string path = folder.path() + "/rules.toml";
  REQUIRE_FALSE(replace_file(path, "old"));
  REQUIRE(::mkdir((path + ".new").c_str(), 0700) == 0);  // in the way
  const auto problem = replace_file(path, "new");
  REQUIRE(problem);
  CHECK(problem->find(path + ".new: cannot be opened: ") == 0);
  CHECK(folder.read("rules.toml") == "old");
  CHECK(replace_file(folder.path() + "/no/such/file", "x"));
}

TEST_CASE("added rules that cannot be read are an error with its place") {
  const test::TemporaryFolder folder;
  const std::string path = folder.path() + "/rules.toml";
  REQUIRE_FALSE(replace_file(path, "[[rule]]\nname = 1\n"));
  const auto read = read_added_rules(path);
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().at(0).to_string() == path + ":2:8: rule.name must be a string, not 1");
  REQUIRE_FALSE(replace_file(path, "["));
  CHECK_FALSE(read_added_rules(path).ok());
}

}  // namespace
}  // namespace tollgate
