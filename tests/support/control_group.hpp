// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>

namespace tollgate::test {

// Where the cgroup v2 hierarchy is.
inline std::optional<std::string> group_root() {
  for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    if (std::filesystem::exists(std::string{root} + "/cgroup.procs") &&
        std::filesystem::exists(std::string{root} + "/cgroup.controllers"))
      return root;
  }
  return std::nullopt;
}

// A group of its own, gone with its owner.
class ControlGroup {
 public:
  ControlGroup(const std::string& root, const std::string& below)
      : top_{root + "/tollgate-test-" + std::to_string(::getpid())}, path_{top_ + '/' + below} {
    std::filesystem::create_directories(path_);
  }
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;
  ~ControlGroup() {
    for (std::string path = path_; path.size() >= top_.size(); path.resize(path.rfind('/'))) {
      ::rmdir(path.c_str());
    }
  }
  const std::string& path() const { return path_; }

 private:
  std::string top_;
  std::string path_;
};

}  // namespace tollgate::test
