// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <set>
#include <string>

#include "tollgate/config/config.hpp"
#include "tollgate/policy/policy.hpp"

namespace tollgate {

// Files and the user database of this machine; what is named *.gz is unpacked. Remembers what was read
// besides the policy's own files: its lists and places, and the public suffix list.
class SystemSources final : public PolicySources {
 public:
  Result<std::string, Diagnostic> read(const std::string& path) override;
  Result<std::vector<std::string>, Diagnostic> policy_files(const std::string& path) override;
  Result<std::shared_ptr<const PlaceDatabase>, Diagnostic> places(const std::string& path) override;
  Result<std::shared_ptr<const SuffixList>, Diagnostic> suffixes() override;
  std::optional<std::uint32_t> user_id(const std::string& name) override;
  std::optional<std::uint32_t> group_id(const std::string& name) override;
  Time now() override;
  const std::set<std::string>& lists() const { return lists_; }

 private:
  std::set<std::string> policy_files_;
  std::set<std::string> lists_;
};

// Reads and checks the daemon's configuration. A file that cannot be read is one diagnostic.
Result<Config, Diagnostics> load_config(const std::string& path);

}  // namespace tollgate
