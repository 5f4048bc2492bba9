// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/engine/name_table.hpp"

namespace tollgate {

std::uint32_t NameTable::number(std::string_view name) {
  if (name.empty()) return kNone;
  if (const auto found = numbers_.find(name); found != numbers_.end()) return found->second;
  if (numbers_.size() >= limit_) return kNone;
  std::uint32_t number = 0;
  if (!free_.empty()) {
    number = free_.back();
    free_.pop_back();
    names_[number] = name;
  } else {
    number = static_cast<std::uint32_t>(names_.size());
    names_.emplace_back(name);
  }
  numbers_.emplace(name, number);
  return number;
}

const std::string& NameTable::name(std::uint32_t number) const {
  static const std::string none;
  return number < names_.size() ? names_[number] : none;
}

void NameTable::release_unused(const std::function<bool(std::uint32_t)>& used) {
  boost::unordered::erase_if(numbers_, [&](const auto& entry) {
    if (used(entry.second)) return false;
    names_[entry.second].clear();
    free_.push_back(entry.second);
    return true;
  });
}

}  // namespace tollgate
