// SPDX-License-Identifier: GPL-2.0-or-later
// golden/NAME.toml (a file) or golden/NAME.d (a directory) is a policy, golden/NAME.expected what is
// said about it, word for word. A first line "# features: …" switches features on. With
// TOLLGATE_WRITE_GOLDEN=1 in the environment the expectations are written anew: read the diff.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "catch.hpp"
#include "memory_sources.hpp"

namespace tollgate {
namespace {

namespace fs = std::filesystem;

std::string contents(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

// Every file under the folder, by its name from there.
MemorySources sources_in(const fs::path& folder) {
  MemorySources sources;
  for (const auto& entry : fs::recursive_directory_iterator{folder}) {
    if (entry.is_regular_file()) {
      sources.files[fs::relative(entry.path(), folder).generic_string()] = contents(entry.path());
    }
  }
  return sources;
}

PolicyFeatures features_of(const std::string& text) {
  const std::string line = text.starts_with("# features:") ? text.substr(0, text.find('\n')) : std::string{};
  const auto has = [&](const char* word) { return line.find(word) != std::string::npos; };
  return {has("reroute_arriving"), has("forward"), has("nameserver"), has("tunnel"), has("questions")};
}

std::string diagnosed(const std::string& path, MemorySources& sources) {
  const auto policy = load_policy(path, features_of(sources.files[path]), sources);
  if (policy) return "no errors\n";
  std::string text;
  for (const Diagnostic& diagnostic : policy.error()) text += diagnostic.to_string() + '\n';
  return text;
}

TEST_CASE("diagnostics are these, to the letter") {
  const fs::path folder{TOLLGATE_SOURCE_DIR "/tests/unit/policy/golden"};
  MemorySources sources = sources_in(folder);
  std::size_t cases = 0;
  for (const auto& entry : fs::directory_iterator{folder}) {
    const fs::path name = entry.path().filename();
    if (name.extension() != ".toml" && name.extension() != ".d") continue;
    ++cases;
    const std::string path = name.string() + (entry.is_directory() ? "/" : "");
    const fs::path expected = folder / name.stem().concat(".expected");
    const std::string text = diagnosed(path, sources);
    if (std::getenv("TOLLGATE_WRITE_GOLDEN") != nullptr) std::ofstream{expected} << text;
    CAPTURE(path);
    CHECK(text == contents(expected));
  }
  CHECK(cases >= 8);
}

}  // namespace
}  // namespace tollgate
