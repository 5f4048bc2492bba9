// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/names/name_store.hpp"

#include <algorithm>

namespace tollgate {

NameStore::NameStore(const NameLimits& limits, std::uint64_t seed) : limits_{limits}, index_{0, Hash{seed}} {}

std::size_t NameStore::Hash::operator()(const Key& key) const {
  return SeededHash{seed}
      .add(key.program.value)
      .add(static_cast<std::uint64_t>(key.address.family()))
      .add(std::span{key.address.bytes()})
      .value();
}

void NameStore::learn(ProgramKey program, const IpAddress& address, std::string_view name, NameSource source,
                      std::chrono::seconds ttl, Time now) {
  if (name.empty()) return;
  const Duration life = std::clamp<Duration>(ttl, limits_.min_ttl, limits_.max_ttl);
  const Name learned{std::string{name}, source, now + life};
  learn_one({ProgramKey{}, address}, learned);
  if (program != ProgramKey{}) learn_one({program, address}, learned);
}

void NameStore::learn_one(const Key& key, Name name) {
  const auto found = index_.find(key);
  const std::uint32_t index = found != index_.end() ? found->second : make_entry(key);
  std::vector<Name>& names = entries_[index].names;
  const auto known = std::ranges::find(names, name.name, &Name::name);
  if (known != names.end()) {
    std::rotate(names.begin(), known, known + 1);
    names.front() = std::move(name);
  } else {
    if (names.size() == limits_.max_names_per_address) {
      names.pop_back();
      --names_;
      ++evicted_;
    }
    names.insert(names.begin(), std::move(name));
    ++names_;
  }
  make_newest(index);
  while (names_ > limits_.max_names && oldest_ != newest_) evict_oldest();
}

std::optional<KnownName> NameStore::find(ProgramKey program, const IpAddress& address, Time now) const {
  for (const ProgramKey who : {program, ProgramKey{}}) {
    const Entry* known = entry({who, address});
    if (known == nullptr) continue;
    for (const Name& name : known->names) {
      if (name.expires > now) return KnownName{name.name, name.source, name.expires, who == program};
    }
  }
  return {};
}

bool NameStore::knows(ProgramKey program, const IpAddress& address, std::string_view name, Time now) const {
  const auto has = [&](ProgramKey who) {
    const Entry* known = entry({who, address});
    return known != nullptr && std::ranges::any_of(known->names, [&](const Name& each) {
             return each.name == name && each.expires > now;
           });
  };
  return has(program) || has(ProgramKey{});
}

bool NameStore::has_several(const IpAddress& address, Time now) const {
  const Entry* const known = entry({ProgramKey{}, address});
  return known != nullptr &&
         std::ranges::count_if(known->names, [&](const Name& each) { return each.expires > now; }) > 1;
}

const NameStore::Entry* NameStore::entry(const Key& key) const {
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

std::uint32_t NameStore::make_entry(const Key& key) {
  std::uint32_t index = static_cast<std::uint32_t>(entries_.size());
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  entries_[index].key = key;
  entries_[index].older = newest_;
  entries_[index].newer = kNone;
  (newest_ == kNone ? oldest_ : entries_[newest_].newer) = index;
  newest_ = index;
  index_.emplace(key, index);
  return index;
}

void NameStore::unlink(std::uint32_t index) {
  const Entry& entry = entries_[index];
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
}

void NameStore::make_newest(std::uint32_t index) {
  if (index == newest_) return;
  unlink(index);
  entries_[index].older = newest_;
  entries_[index].newer = kNone;
  entries_[newest_].newer = index;
  newest_ = index;
}

void NameStore::evict_oldest() {
  const std::uint32_t index = oldest_;
  names_ -= entries_[index].names.size();
  evicted_ += entries_[index].names.size();
  index_.erase(entries_[index].key);
  unlink(index);
  entries_[index] = Entry{};
  free_.push_back(index);
}

}  // namespace tollgate
