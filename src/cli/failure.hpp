// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <stdexcept>
#include <string>

namespace tollgate::cli {

// What `tollgate` exits with (tollgate(1), EXIT STATUS).
enum class Exit : int { done = 0, refused = 1, usage = 2, unreachable = 3, not_permitted = 4 };

// Ends a command. The message says what went wrong and what to do about it.
class Failure : public std::runtime_error {
 public:
  Failure(Exit status, const std::string& message) : std::runtime_error{message}, status_{status} {}
  Exit status() const { return status_; }

 private:
  Exit status_;
};

}  // namespace tollgate::cli
