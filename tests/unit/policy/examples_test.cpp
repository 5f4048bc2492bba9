// SPDX-License-Identifier: GPL-2.0-or-later
// The policies that are shipped as examples pass the checker.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "catch.hpp"
#include "memory_sources.hpp"
#include "tollgate/config/config.hpp"

namespace tollgate {
namespace {

TEST_CASE("every example policy loads") {
  const std::filesystem::path folder{TOLLGATE_SOURCE_DIR "/examples/policy.d"};
  MemorySources sources;
  std::vector<std::string> policies;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file{entry.path()};
    const std::string name = std::filesystem::relative(entry.path(), folder).generic_string();
    sources.files[name] = {std::istreambuf_iterator<char>{file}, {}};
    if (entry.path().extension() == ".toml") policies.push_back(name);
  }
  REQUIRE(policies.size() == 4);
  for (const std::string& name : policies) {
    CAPTURE(name);
    // Only the gateway is meant for a configuration other than the default.
    const PolicyFeatures features{false, name == "gateway.toml", false, false};
    const auto policy = load_policy(name, features, sources);
    if (!policy) FAIL(policy.error().front().to_string());
    CHECK((*policy)->rules().size() >= 3);
  }
}

std::string text_of(const std::string& name) {
  std::ifstream file{TOLLGATE_SOURCE_DIR "/examples/nameserver/" + name};
  REQUIRE(file);
  return {std::istreambuf_iterator<char>{file}, {}};
}

TEST_CASE("the example with a nameserver loads, configuration and policy") {
  const auto config = parse_config(text_of("tollgate.toml"), "tollgate.toml");
  if (!config) FAIL(config.error().front().to_string());
  CHECK(config->resolver.enabled);
  CHECK(config->resolver.upstreams.size() == 2);
  MemorySources sources;
  for (const char* name : {"10-names.toml", "lists/doh.txt"}) {
    sources.files[name] = text_of(std::string{"policy.d/"} + name);
  }
  PolicyFeatures features;
  features.nameserver = features.questions = config->resolver.enabled;
  const auto policy = load_policy("10-names.toml", features, sources);
  if (!policy) FAIL(policy.error().front().to_string());
  CHECK((*policy)->rules().size() == 6);
}

}  // namespace
}  // namespace tollgate
