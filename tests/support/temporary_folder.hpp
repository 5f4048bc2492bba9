// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace tollgate::test {

// A folder of a test's own, gone with it.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_{(std::filesystem::temp_directory_path() / "tollgate-test-XXXXXX").string()} {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error{path_ + " cannot be made"};
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    const std::filesystem::path place = file(name);
    std::filesystem::create_directories(place.parent_path());
    std::ofstream{place, std::ios::binary} << text;
    return place.string();
  }
  std::string read(const std::string& name) const {
    std::ifstream text{file(name), std::ios::binary};
    return {std::istreambuf_iterator<char>{text}, {}};
  }

 private:
  std::string path_;
};

}  // namespace tollgate::test
