// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tollgate/base/ip.hpp"
#include "tollgate/base/seeded_hash.hpp"
#include "tollgate/base/time.hpp"
#include "tollgate/names/name_source.hpp"

namespace tollgate {

// Who learned a name: a number that stands for a program while names are kept; 0 is the machine, for
// all who are not known.
struct ProgramKey {
  std::uint32_t value = 0;
  friend auto operator<=>(ProgramKey, ProgramKey) = default;
};

struct NameLimits {
  std::uint32_t max_names = 65'536;         // past it, the address whose names are the oldest goes
  std::uint32_t max_names_per_address = 8;  // past it, its oldest name goes
  // Programs go on using what they resolved after it has expired, and hold on to connections.
  Duration min_ttl = std::chrono::minutes{5};
  Duration max_ttl = std::chrono::hours{24};
};

struct KnownName {
  std::string_view name;  // good until the store changes
  NameSource source = NameSource::dns;
  Time expires{};
  bool own = false;  // learned by the program that asks, not by another
};

// Addresses → the names under which they were resolved: per program, and for the machine as a whole.
class NameStore {
 public:
  // `seed` keeps the hash secret: see SeededHash.
  NameStore(const NameLimits& limits, std::uint64_t seed);

  // `program` was told that `name` (canonical: lower case, no final dot) has this address. The machine
  // learns it too.
  void learn(ProgramKey program, const IpAddress& address, std::string_view name, NameSource source,
             std::chrono::seconds ttl, Time now);

  // The name that the program learned last and that has not expired, otherwise the machine's.
  std::optional<KnownName> find(ProgramKey program, const IpAddress& address, Time now) const;
  // Whether `name` is one of the address's names, of the program or the machine.
  bool knows(ProgramKey program, const IpAddress& address, std::string_view name, Time now) const;

  // Whether the machine knows more than one name for it.
  bool has_several(const IpAddress& address, Time now) const;

  std::size_t size() const { return names_; }
  std::uint64_t evicted() const { return evicted_; }  // names that went to make room

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  struct Key {
    ProgramKey program;
    IpAddress address;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Hash {
    std::uint64_t seed;
    std::size_t operator()(const Key& key) const;
  };
  struct Name {
    std::string name;
    NameSource source = NameSource::dns;
    Time expires{};
  };
  struct Entry {
    Key key;
    std::vector<Name> names;  // the one learned last in front
    std::uint32_t older = kNone, newer = kNone;
  };

  void learn_one(const Key& key, Name name);
  const Entry* entry(const Key& key) const;
  std::uint32_t make_entry(const Key& key);
  void unlink(std::uint32_t index);
  void make_newest(std::uint32_t index);
  void evict_oldest();

  NameLimits limits_;
  boost::unordered_flat_map<Key, std::uint32_t, Hash> index_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::uint32_t oldest_ = kNone, newest_ = kNone;
  std::size_t names_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace tollgate
