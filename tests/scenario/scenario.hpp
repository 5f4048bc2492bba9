// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tollgate/base/time.hpp"
#include "tollgate/engine/engine.hpp"

namespace tollgate::test {

// A story of the engine as text, in virtual time (README.md in this folder has the language).
struct Step {
  std::uint32_t line = 0;
  Time at{};
  std::vector<std::string> words;
  std::vector<std::uint32_t> expected_lines;
  std::vector<std::string> expected;  // in order, to the letter
  std::string policy;                 // of a `policy` or `rules` step
};

struct Scenario {
  std::string file;
  std::string policy;
  std::vector<std::pair<std::string, std::string>> options;
  std::vector<Step> steps;
};

// Throws std::runtime_error with file:line.
Scenario read_scenario(const std::string& path);

// Runs it. Returns what differs from what is expected, one line each, with file:line; empty: all as
// the story says. Throws std::runtime_error with file:line when a step makes no sense.
std::vector<std::string> run_scenario(const Scenario& scenario);

}  // namespace tollgate::test
