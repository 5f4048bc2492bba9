// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tollgate/policy/domains.hpp"

namespace tollgate {

// Up to millions of domains, exact, in one block of text and a table of places: ten bytes a name besides the
// name itself. Exceptions win, whichever way they came and however far above they stand.
class DomainSet {
 public:
  class Builder;

  bool contains(std::string_view domain) const;  // canonical
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }  // names, exceptions included
  std::size_t bytes() const;
  // Made of the same names in the same order.
  friend bool operator==(const DomainSet& a, const DomainSet& b) { return a.text_ == b.text_; }

 private:
  enum Kind : std::uint8_t { kExact = 1, kBelow = 2, kAllowExact = 4, kAllowBelow = 8 };

  // Calls on_suffix(suffix, hash) with every suffix that begins a label, the shortest first. The hash is
  // made from the end, so that one pass over the name gives them all.
  template <class OnSuffix>
  void each_suffix(std::string_view domain, OnSuffix&& on_suffix) const;
  std::uint64_t hash_of(std::string_view domain) const;
  // 1 to 255, for 0 is a place that is free.
  static std::uint8_t fingerprint_of(std::uint64_t hash);

  std::string_view name_at(std::uint32_t place) const;
  std::size_t first_of(std::uint64_t hash) const;  // where in the table to begin
  std::size_t next(std::size_t at) const { return at + 1 == places_.size() ? 0 : at + 1; }
  // Its place in text_, kNone when it is not there.
  std::uint32_t find(std::string_view name, std::uint64_t hash) const;
  void put(std::uint32_t place, std::uint64_t hash);

  static constexpr std::uint32_t kNone = 0xffffffff;
  std::vector<std::uint8_t> text_;          // of each name: its kinds, its length, its bytes
  std::vector<std::uint8_t> fingerprints_;  // of the hashes: most of what is not there ends here
  std::vector<std::uint32_t> places_;       // in text_; two thirds of them are used
  std::size_t size_ = 0;
  // Of all that was put in: who writes a list cannot choose names that meet in the table, for with each name
  // the seed is another.
  std::uint64_t seed_ = 0;
};

class DomainSet::Builder {
 public:
  // std::length_error past 4 GiB of names.
  void add(const DomainPattern& pattern, bool exception = false);
  DomainSet build() &&;

 private:
  std::vector<std::uint8_t> text_;
  std::size_t names_ = 0;
};

}  // namespace tollgate
