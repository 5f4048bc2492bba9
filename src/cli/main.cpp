// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "command_line.hpp"

namespace {

std::size_t terminal_width() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

// no-color.org: the variable counts when it is there and not empty.
bool wants_colour() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  if (no_colour != nullptr && *no_colour != '\0') return false;
  return isatty(STDOUT_FILENO) != 0 && terminal != nullptr && std::string_view{terminal} != "dumb";
}

}  // namespace

int main(int argc, char** argv) {
  tollgate::cli::Page page{std::cout, std::cerr, terminal_width(), wants_colour()};
  const int status = tollgate::cli::run({argv + 1, argv + argc}, page);
  std::cout.flush();
  // What could not be written was not said (a full disk).
  if (!std::cout && status == 0) {
    std::cerr << "tollgate: standard output cannot be written\n";
    return 1;
  }
  return status;
}
