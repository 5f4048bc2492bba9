// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tollgate/base/result.hpp"
#include "tollgate/base/time.hpp"

namespace tollgate {

struct CommandOutput {
  int status = 0;  // exit status; 128 + signal when it was killed
  std::string out;
  std::string err;
  bool ok() const { return status == 0; }
};

// Runs a program of the system with `input` on its stdin and waits for it, `limit` long at most; then
// it is killed. No shell: argv is what it gets. It inherits nothing but the three descriptors, no
// blocked signals, and the C locale. Found by PATH, then in the directories of system programs.
// Errors: not there, cannot be started, did not end in time.
Result<CommandOutput, std::string> run_command(const std::vector<std::string>& argv, std::string_view input,
                                               Duration limit);

}  // namespace tollgate
