// SPDX-License-Identifier: GPL-2.0-or-later
#include "scenario.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "catch.hpp"

using namespace tollgate::test;

namespace {

std::vector<std::string> cases() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator{TOLLGATE_SOURCE_DIR "/tests/scenario/cases"}) {
    if (entry.path().extension() == ".scenario") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

TEST_CASE("the scenarios come out as they are written") {
  const std::vector<std::string> files = cases();
  REQUIRE(files.size() >= 10);
  for (const std::string& file : files) {
    DYNAMIC_SECTION(std::filesystem::path{file}.stem().string()) {
      std::string differences;
      for (const std::string& difference : run_scenario(read_scenario(file)))
        differences += difference + "\n";
      INFO(differences);
      CHECK(differences.empty());
    }
  }
}

TEST_CASE("a scenario that says something else than happens is found out") {
  Scenario story;
  story.file = "story";
  story.policy = "[default]\noutbound = \"accept\"\n";
  Step step;
  step.line = 3;
  step.words = {"packet", "1", "output", "tcp", "10.0.0.1:1", ">", "10.0.0.2:2", "syn"};
  step.expected = {"verdict 1 drop"};
  step.expected_lines = {4};
  story.steps = {step};
  const std::vector<std::string> differences = run_scenario(story);
  REQUIRE(differences.size() == 4);
  CHECK(differences[0] == "story:4: expected: verdict 1 drop | got: verdict 1 pass");
  CHECK(differences[1] == "story:3: expected: nothing | got: record accept \"\" link default");
}
