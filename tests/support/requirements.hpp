// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "catch.hpp"

// What a test needs and a machine may lack. A test that cannot run says why; where TOLLGATE_NO_SKIP
// is set (CI sets it) that is a failure.
namespace tollgate::test {

// The first of these programs that is not installed, as "no dig here"; "" when all are.
std::string missing_programs(const std::vector<std::string>& names);
bool skipping_allowed();

}  // namespace tollgate::test

// At the head of a TEST_CASE. The words are what scripts/vm looks for.
#define TOLLGATE_NEEDS(...)                                                        \
  do {                                                                             \
    const std::string lacking = ::tollgate::test::missing_programs({__VA_ARGS__}); \
    if (lacking.empty()) break;                                                    \
    if (!::tollgate::test::skipping_allowed()) FAIL(lacking);                      \
    WARN("skipped: " << lacking);                                                  \
    return;                                                                        \
  } while (false)
