// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/spare_memory.hpp"

#include <array>
#include <fstream>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"

using namespace tollgate;

namespace {

// Constants that the loader relocated, and a variable that the program changed: neither is the file's.
const std::array<const char*, 3> kWords = {"one", "two", "three"};
int changed = 1;

// Resident pages of files, in KiB.
long resident_files() {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssFile:")) return std::stol(line.substr(8));
  throw std::runtime_error{"no RssFile in /proc/self/status"};
}

bool matches(const std::string& text) { return std::regex_match(text, std::regex{"[a-z]+(-[0-9]+)*"}); }

}  // namespace

TEST_CASE("code that is not needed leaves, and comes back when it is") {
  REQUIRE(matches("some-1-2"));
  changed = 2;
  const long before = resident_files();
  return_startup_code();
  const long after = resident_files();
  CHECK(after < before);
  CHECK(changed == 2);
  CHECK(std::string{kWords[2]} == "three");
  CHECK(matches("some-1-2"));
  CHECK_FALSE(matches("some-1-"));
}

TEST_CASE("what is in use survives that spare memory goes") {
  std::vector<std::string> kept(1000, std::string(5000, 'x'));
  kept.resize(10);
  return_spare_memory();
  CHECK(kept.back() == std::string(5000, 'x'));
}
