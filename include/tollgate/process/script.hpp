// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tollgate {

// Programs that run other programs, by globs of the file's name: "python3*", "java".
std::vector<std::string> default_interpreters();

// What an interpreter was told to run: the first argument that is no option ("-jar FILE" for java, else
// "class NAME"; "-m NAME" for python: "module NAME"). A relative name is joined to `directory`. "" for a
// program that is no interpreter, and for text given on the command line (-c, -e), standard input, a session.
std::string script_of(std::string_view path, std::span<const std::string> arguments,
                      std::string_view directory, std::span<const std::string> interpreters);

}  // namespace tollgate
