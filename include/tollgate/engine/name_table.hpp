// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tollgate {

// Names that flows refer to by number: interfaces and rules. At most `limit` names; a name that
// finds no place has the number kNone, whose name is "". Numbers stay until the name is released.
class NameTable {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  explicit NameTable(std::uint32_t limit) : limit_{limit} {}

  std::uint32_t number(std::string_view name);  // kNone for ""
  const std::string& name(std::uint32_t number) const;
  std::size_t size() const { return numbers_.size(); }
  // All numbers are below it.
  std::uint32_t places() const { return static_cast<std::uint32_t>(names_.size()); }
  // Forgets every name whose number is not `used`; `used` is asked once for each.
  void release_unused(const std::function<bool(std::uint32_t)>& used);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::uint32_t limit_;
  std::vector<std::string> names_;
  std::vector<std::uint32_t> free_;
  boost::unordered_flat_map<std::string, std::uint32_t, Hash, std::equal_to<>> numbers_;
};

}  // namespace tollgate
