// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tollgate/policy/policy.hpp"

namespace tollgate {

// A world of files and accounts that exists in memory only.
class MemorySources : public PolicySources {
 public:
  std::map<std::string, std::string> files;
  std::map<std::string, std::uint32_t> users{{"root", 0}, {"alice", 1000}, {"bob", 1001}};
  std::map<std::string, std::uint32_t> groups{{"root", 0}, {"staff", 50}};

  Result<std::string, Diagnostic> read(const std::string& path) override {
    const auto file = files.find(path);
    if (file == files.end()) return Diagnostic{path, 0, 0, "No such file or directory"};
    return file->second;
  }
  // A path that ends in a slash is a directory.
  Result<std::vector<std::string>, Diagnostic> policy_files(const std::string& path) override {
    if (!path.ends_with('/')) return std::vector<std::string>{path};
    std::vector<std::string> found;
    for (const auto& [name, text] : files) {
      if (name.starts_with(path) && name.ends_with(".toml")) found.push_back(name);
    }
    if (found.empty()) return Diagnostic{path, 0, 0, "No such file or directory"};
    return found;
  }
  std::optional<std::uint32_t> user_id(const std::string& name) override { return find(users, name); }
  std::optional<std::uint32_t> group_id(const std::string& name) override { return find(groups, name); }

 private:
  static std::optional<std::uint32_t> find(const std::map<std::string, std::uint32_t>& ids,
                                           const std::string& name) {
    const auto id = ids.find(name);
    return id == ids.end() ? std::nullopt : std::optional{id->second};
  }
};

// A policy of one file, or what is wrong with it.
inline Result<PolicyPointer, Diagnostics> load_text(const std::string& text,
                                                    const PolicyFeatures& features = {}) {
  MemorySources sources;
  sources.files["policy.toml"] = text;
  return load_policy("policy.toml", features, sources);
}

}  // namespace tollgate
