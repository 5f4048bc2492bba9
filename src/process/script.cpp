// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/process/script.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "tollgate/base/glob.hpp"

namespace tollgate {
namespace {

// The options of one interpreter that are not simply passed over. Letters may stand together behind one dash.
struct Options {
  std::string_view name;      // the program's name begins so
  std::string_view text;      // letters that give the text to be run: there is no script
  std::string_view value;     // letters that are followed by a value, in the same argument or the next
  std::string_view attached;  // letters whose value, if any, is the rest of the argument
  // Whole arguments of the same kinds.
  std::vector<std::string_view> texts = {}, values = {};
  // The one whose value is the script, and the one whose value is a module.
  std::string_view script = {};
  std::string_view module = {};
  std::vector<std::string_view> commands = {};  // words before the script
};

constexpr std::string_view kShell;  // the name of what is none of the others

const std::vector<Options>& known_options() {
  static const std::vector<Options> kKnown = {
      {"python", "c", "WX", "", {}, {"--check-hash-based-pycs"}, {}, "-m"},
      {"pypy", "c", "WX", "", {}, {}, {}, "-m"},
      {"node",
       "ep",
       "rC",
       "",
       {"--eval", "--print"},
       {"--require", "--import", "--loader", "--experimental-loader", "--conditions", "--env-file"}},
      {"deno",
       "",
       "cL",
       "",
       {"eval", "repl"},
       {"--config", "--import-map"},
       {},
       {},
       {"run", "serve", "test"}},
      {"bun", "ep", "r", "", {"--eval", "--print"}, {"--preload", "--cwd"}, {}, {}, {"run"}},
      {"java",
       "",
       "",
       "",
       {},
       {"-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules", "--add-opens",
        "--add-exports", "--add-reads", "--source"},
       "-jar",
       "-m"},
      {"perl", "eE", "I", "iFMmDdxC"},
      {"ruby", "e", "IrCE", "FiKxTW"},
      {"php", "r", "cdzSt", "", {"--run"}, {"--php-ini", "--define", "--server", "--docroot"}, "-f"},
      {"lua", "e", "l", ""},
      {"Rscript", "e", "", ""},
      {"guile", "c", "lLCx", ""},
      // Shells: -o and -O name an option, the files are read besides.
      {kShell, "cs", "", "", {}, {"--rcfile", "--init-file"}},
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

// What an argument says of the way to the script.
enum class Says : std::uint8_t { nothing, value_follows, text, module_follows };

// "-euo", "-lane", "-Wignore": letters together. `module` is what stands behind the letter that names one.
Says read_letters(const Options& options, std::string_view letters, std::string& module) {
  Says says = Says::nothing;
  while (!letters.empty()) {
    const char letter = letters.front();
    letters.remove_prefix(1);
    if (options.text.find(letter) != std::string_view::npos) return Says::text;
    if (options.module.size() == 2 && letter == options.module[1]) {
      module = letters;
      return Says::module_follows;
    }
    // A shell goes on with its letters, and takes the option's name from the next argument.
    if (options.name == kShell && (letter == 'o' || letter == 'O')) says = Says::value_follows;
    if (options.value.find(letter) != std::string_view::npos)
      return letters.empty() ? Says::value_follows : Says::nothing;
    if (options.attached.find(letter) != std::string_view::npos) return says;
  }
  return says;
}

Says read_option(const Options& options, std::string_view argument, std::string& module) {
  if (has(options.texts, argument)) return Says::text;
  if (has(options.values, argument)) return Says::value_follows;
  if (argument == options.module) return Says::module_follows;
  const bool whole_words = options.name == "java" || argument.starts_with("--");
  if (whole_words || !(argument.starts_with('-') || argument.starts_with('+'))) return Says::nothing;
  return read_letters(options, argument.substr(1), module);
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

std::string script_among(const Options& options, std::span<const std::string> arguments,
                         std::string_view directory) {
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const std::string next = i + 1 < arguments.size() ? arguments[i + 1] : std::string{};
    const auto at_next = [&] { return next.empty() ? next : joined(directory, next); };
    if (argument == "-") return {};
    if (argument == "--" || (!options.script.empty() && argument == options.script)) return at_next();
    std::string module;
    switch (read_option(options, argument, module)) {
      case Says::text:
        return {};
      case Says::module_follows:
        if (module.empty()) module = next;
        return module.empty() ? module : "module " + module;
      case Says::value_follows:
        ++i;
        continue;
      case Says::nothing:
        break;
    }
    if (argument.starts_with('-') || argument.starts_with('+') || has(options.commands, argument)) continue;
    return options.name == "java" ? "class " + argument : joined(directory, argument);
  }
  return {};
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
  return script_among(options_of(name), arguments, directory);
}

}  // namespace tollgate
