// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain_set.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <stdexcept>

#include "tollgate/base/seeded_hash.hpp"
#include "tollgate/names/domain.hpp"

namespace tollgate {
namespace {

constexpr std::size_t kHead = 2;  // kinds and length in front of a name

// All bits of the hash count in all bits of the result: a multiplication and shifts do that.
std::uint64_t mixed(std::uint64_t hash) {
  hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93;
  return hash ^ hash >> 32;
}

}  // namespace

template <class OnSuffix>
void DomainSet::each_suffix(std::string_view domain, OnSuffix&& on_suffix) const {
  std::uint64_t hash = seed_;  // then FNV-1a (draft-eastlake-fnv), backwards
  for (std::size_t at = domain.size(); at-- > 0;) {
    hash = (hash ^ static_cast<unsigned char>(domain[at])) * 0x100000001b3;
    if (at == 0 || domain[at - 1] == '.') on_suffix(domain.substr(at), mixed(hash));
  }
}

std::uint64_t DomainSet::hash_of(std::string_view domain) const {
  std::uint64_t whole = 0;
  each_suffix(domain, [&](std::string_view, std::uint64_t hash) { whole = hash; });
  return whole;
}

std::uint8_t DomainSet::fingerprint_of(std::uint64_t hash) {
  return static_cast<std::uint8_t>(std::max<std::uint64_t>(hash >> 56, 1));
}

std::string_view DomainSet::name_at(std::uint32_t place) const {
  return {reinterpret_cast<const char*>(text_.data()) + place + kHead, text_[place + 1]};
}

std::size_t DomainSet::first_of(std::uint64_t hash) const {
  return static_cast<std::size_t>((hash & 0xffffffff) * places_.size() >> 32);
}

std::uint32_t DomainSet::find(std::string_view name, std::uint64_t hash) const {
  const std::uint8_t fingerprint = fingerprint_of(hash);
  for (std::size_t at = first_of(hash); fingerprints_[at] != 0; at = next(at)) {
    if (fingerprints_[at] == fingerprint && name_at(places_[at]) == name) return places_[at];
  }
  return kNone;
}

void DomainSet::put(std::uint32_t place, std::uint64_t hash) {
  std::size_t at = first_of(hash);
  while (fingerprints_[at] != 0) at = next(at);
  fingerprints_[at] = fingerprint_of(hash);
  places_[at] = place;
}

// The table is large and looked into at random: the first look for every suffix is taken before any of them
// is judged, so that the memory is waited for once.
bool DomainSet::contains(std::string_view domain) const {
  if (size_ == 0) return false;
  struct Look {
    std::string_view suffix;
    std::uint64_t hash = 0;
    std::uint8_t first = 0;
  };
  std::array<Look, 8> looks;
  std::size_t count = 0;
  unsigned kinds = 0;
  const auto judge = [&] {
    for (const Look& look : std::span{looks}.first(count)) {
      const std::uint32_t place = look.first == 0 ? kNone : find(look.suffix, look.hash);
      if (place == kNone) continue;
      const bool whole = look.suffix.size() == domain.size();
      kinds |= text_[place] & (whole ? kExact | kAllowExact : kBelow | kAllowBelow);
    }
    count = 0;
  };
  each_suffix(domain, [&](std::string_view suffix, std::uint64_t hash) {
    if (count == looks.size()) judge();
    looks[count++] = {suffix, hash, fingerprints_[first_of(hash)]};
  });
  judge();
  return kinds != 0 && (kinds & (kAllowExact | kAllowBelow)) == 0;
}

std::size_t DomainSet::bytes() const {
  return text_.capacity() + places_.capacity() * sizeof(std::uint32_t) + fingerprints_.capacity();
}

void DomainSet::Builder::add(const DomainPattern& pattern, bool exception) {
  unsigned kinds = 0;
  if (pattern.exact) kinds |= exception ? kAllowExact : kExact;
  if (pattern.below) kinds |= exception ? kAllowBelow : kBelow;
  // Places are of 32 bits: two hundred million names.
  if (text_.size() > std::numeric_limits<std::uint32_t>::max() - kMaxDomain - kHead)
    throw std::length_error{"a list of domains of over 4 GiB"};
  text_.push_back(static_cast<std::uint8_t>(kinds));
  text_.push_back(static_cast<std::uint8_t>(pattern.name.size()));
  text_.insert(text_.end(), pattern.name.begin(), pattern.name.end());
  ++names_;
}

DomainSet DomainSet::Builder::build() && {
  DomainSet set;
  if (names_ == 0) return set;
  set.text_ = std::move(text_);
  set.seed_ = SeededHash{names_}.add(std::span<const std::uint8_t>{set.text_}).value();
  set.places_.assign(names_ + names_ / 2 + 1, kNone);
  set.fingerprints_.assign(set.places_.size(), 0);
  // What is named twice is left out: the others move up, so that the text has no gaps.
  std::size_t kept = 0;
  for (std::size_t from = 0; from < set.text_.size();) {
    const auto begin = set.text_.begin() + static_cast<std::ptrdiff_t>(from);
    const std::size_t length = kHead + begin[1];
    const std::string_view name = set.name_at(static_cast<std::uint32_t>(from));
    const std::uint64_t hash = set.hash_of(name);
    if (const std::uint32_t before = set.find(name, hash); before != kNone) {
      set.text_[before] = static_cast<std::uint8_t>(set.text_[before] | *begin);
    } else {
      std::copy_n(begin, length, set.text_.begin() + static_cast<std::ptrdiff_t>(kept));
      set.put(static_cast<std::uint32_t>(kept), hash);
      kept += length;
      ++set.size_;
    }
    from += length;
  }
  set.text_.resize(kept);
  set.text_.shrink_to_fit();
  return set;
}

}  // namespace tollgate
