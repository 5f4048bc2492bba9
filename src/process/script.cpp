// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/process/script.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "tollgate/base/glob.hpp"

namespace tollgate {
namespace {

// The options of one interpreter that are not simply passed over.
struct Options {
  std::string_view name;  // the program's name begins so
  // Those that are followed by a value of their own.
  std::vector<std::string_view> with_value;
  // Those that give the text to be run, so that there is no script.
  std::vector<std::string_view> text;
  // The one whose value is the script, and the one whose value is a module.
  std::string_view script = {};
  std::string_view module = {};
};

const std::vector<Options>& known_options() {
  static const std::vector<Options> kKnown = {
      {"python", {"-W", "-X", "--check-hash-based-pycs"}, {"-c"}, {}, "-m"},
      {"pypy", {"-W", "-X"}, {"-c"}, {}, "-m"},
      {"node",
       {"-r", "--require", "--import", "--loader", "-C", "--conditions"},
       {"-e", "--eval", "-p", "--print"}},
      {"deno", {}, {"eval", "repl"}},
      {"java",
       {"-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules", "--add-opens",
        "--add-exports"},
       {},
       "-jar",
       "-m"},
      {"perl", {"-I"}, {"-e", "-E"}},
      {"ruby", {"-I", "-r", "-C", "-E"}, {"-e"}},
      {"php", {"-c", "-d", "-z"}, {"-r"}, "-f"},
      {"lua", {"-l"}, {"-e"}},
      // Shells: -o and -O name an option, the files are read besides.
      {"", {"-o", "-O", "+o", "+O", "--rcfile", "--init-file"}, {"-c", "-s"}},
  };
  return kKnown;
}

const Options& options_of(std::string_view name) {
  return *std::ranges::find_if(known_options(),
                               [&](const Options& one) { return name.starts_with(one.name); });
}

bool has(const std::vector<std::string_view>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

// "-ec", "-lc": single letters together, the last of which is -c.
bool gives_text(const Options& options, std::string_view argument) {
  if (has(options.text, argument)) return true;
  const bool letters = argument.size() > 2 && argument[0] == '-' && argument[1] != '-';
  return letters && options.name.empty() && argument.find('c') != std::string_view::npos;
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string joined(std::string_view directory, const std::string& name) {
  if (name.starts_with('/') || directory.empty()) return name;
  std::string_view rest = name;
  while (rest.starts_with("./")) rest.remove_prefix(2);
  std::string path{directory};
  if (!path.ends_with('/')) path += '/';
  return path += rest;
}

}  // namespace

std::vector<std::string> default_interpreters() {
  return {"python*", "pypy*",  "node",    "nodejs", "deno", "bun",  "ruby*", "perl*", "php*",
          "lua*",    "java",   "bash",    "sh",     "dash", "zsh",  "ksh*",  "fish",  "tclsh*",
          "wish*",   "guile*", "Rscript", "osh",    "pwsh", "mono", "dotnet"};
}

std::string script_of(std::string_view path, std::span<const std::string> arguments,
                      std::string_view directory, std::span<const std::string> interpreters) {
  std::string_view name = file_name(path);
  // One program of many names: the one that it was called by counts.
  if (name == "busybox" && !arguments.empty()) name = file_name(arguments.front());
  const auto is_name = [&](const std::string& glob) { return glob_matches(glob, name); };
  if (name.empty() || std::ranges::none_of(interpreters, is_name)) return {};
  const Options& options = options_of(name);
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const bool more = i + 1 < arguments.size();
    if (!options.script.empty() && argument == options.script) {
      return more ? joined(directory, arguments[i + 1]) : std::string{};
    }
    if (!options.module.empty() && argument == options.module) {
      return more ? "module " + arguments[i + 1] : std::string{};
    }
    if (gives_text(options, argument) || argument == "-") return {};
    if (argument == "--") return more ? joined(directory, arguments[i + 1]) : std::string{};
    if (has(options.with_value, argument)) {
      ++i;
      continue;
    }
    if (argument.starts_with('-') || argument.starts_with('+')) continue;
    return options.name == "java" ? "class " + argument : joined(directory, argument);
  }
  return {};
}

}  // namespace tollgate
