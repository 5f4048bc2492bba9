// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "capture_writer.hpp"
#include "tollgate/replay/replay.hpp"

namespace tollgate::test {

// A policy from text, in a world with no files and no users.
inline PolicyPointer policy_of(const std::string& text) {
  class Sources final : public PolicySources {
   public:
    explicit Sources(const std::string& policy) : policy_{policy} {}
    Result<std::string, Diagnostic> read(const std::string&) override { return policy_; }
    Result<std::vector<std::string>, Diagnostic> policy_files(const std::string& path) override {
      return std::vector<std::string>{path};
    }
    Result<std::shared_ptr<const PlaceDatabase>, Diagnostic> places(const std::string& path) override {
      return Diagnostic{path, 0, 0, "there are no files here"};
    }
    Result<std::shared_ptr<const SuffixList>, Diagnostic> suffixes() override {
      return Diagnostic{"", 0, 0, "there are no files here"};
    }
    std::optional<std::uint32_t> user_id(const std::string&) override { return {}; }
    std::optional<std::uint32_t> group_id(const std::string&) override { return {}; }
    Time now() override { return {}; }

   private:
    const std::string& policy_;
  } sources{text};
  PolicyFeatures features;
  features.forward = true;
  const auto policy = load_policy("policy.toml", features, sources);
  if (!policy) FAIL(policy.error().at(0).to_string());
  return *policy;
}

inline const std::string kAcceptAll = R"(
[default]
outbound = "permanent-accept"
inbound = "permanent-accept"
forward = "permanent-accept"
)";

// What a replay said, all of it.
struct Replayed {
  std::vector<FlowEntry> flows;
  ReplaySummary summary;
  std::string error;
};

inline Replayed run_replay(const ReplayOptions& options, const std::string& policy) {
  Replayed said;
  const auto result =
      replay(options, policy_of(policy), [&](const FlowEntry& flow) { said.flows.push_back(flow); });
  if (result) {
    said.summary = *result;
  } else {
    said.error = result.error();
  }
  return said;
}

inline Replayed run_replay(const std::string& capture, const std::string& policy = kAcceptAll) {
  ReplayOptions options;
  options.capture = capture;
  return run_replay(options, policy);
}

}  // namespace tollgate::test
