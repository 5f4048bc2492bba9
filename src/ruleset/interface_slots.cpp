// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/ruleset/interface_slots.hpp"

#include <algorithm>
#include <bit>
#include <string_view>

namespace tollgate {
namespace {

// FNV-1a (RFC 9923): the same in every run, unlike std::hash.
std::uint32_t hash(std::string_view name) {
  std::uint32_t value = 2166136261;
  for (const char c : name) value = (value ^ static_cast<unsigned char>(c)) * 16777619;
  return value;
}

}  // namespace

InterfaceSlots::InterfaceSlots(std::uint32_t interface_mask)
    : last_{interface_mask >> std::countr_zero(interface_mask)} {}

bool InterfaceSlots::update(const std::vector<std::string>& names) {
  ++updates_;
  for (auto& [number, holder] : holders_) {
    const bool here = std::find(names.begin(), names.end(), holder.name) != names.end();
    if (here) {
      holder.away_since = 0;
    } else if (holder.away_since == 0) {
      holder.away_since = updates_;
    }
  }
  std::vector<InterfaceSlot> present;
  std::size_t sharing = 0;
  for (const std::string& name : names) {
    present.push_back({name, take(name)});
    if (present.back().slot == last_) ++sharing;
  }
  sharing_ = sharing;
  if (present == present_) return false;
  present_ = std::move(present);
  return true;
}

std::uint32_t InterfaceSlots::take(const std::string& name) {
  if (const auto known = numbers_.find(name); known != numbers_.end()) return known->second;
  if (last_ == 1) return last_;
  const std::uint32_t start = hash(name) % (last_ - 1);
  std::uint32_t longest_away = last_;
  for (std::uint32_t step = 0; step < last_ - 1; ++step) {
    const std::uint32_t number = 1 + (start + step) % (last_ - 1);
    const auto holder = holders_.find(number);
    if (holder == holders_.end()) {
      holders_[number] = {name, 0};
      return numbers_[name] = number;
    }
    const std::uint64_t away = holder->second.away_since;
    if (away == 0) continue;
    if (longest_away == last_ || away < holders_[longest_away].away_since) longest_away = number;
  }
  if (longest_away == last_) return last_;
  numbers_.erase(holders_[longest_away].name);
  holders_[longest_away] = {name, 0};
  return numbers_[name] = longest_away;
}

}  // namespace tollgate
