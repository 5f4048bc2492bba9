// SPDX-License-Identifier: GPL-2.0-or-later
#include "rule_index.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <optional>

#include "tollgate/base/glob.hpp"

namespace tollgate {
namespace {

template <class Key>
struct KeyRange {
  Key first;
  Key last;
};

// What one rule can be found by in one dimension.
struct Keys {
  std::vector<KeyRange<std::uint32_t>> narrow;
  std::vector<KeyRange<WideKey>> wide;
  bool empty_field = false;
  bool usable() const { return empty_field || !narrow.empty() || !wide.empty(); }
};

// A range as blocks of a power of two, each at a multiple of its size: of two such blocks that
// meet, one lies within the other. At most 30 for 16 bits.
void add_port_blocks(const PortRange& range, Keys& keys) {
  for (std::uint32_t from = range.first; from <= range.last;) {
    std::uint32_t size = from == 0 ? 0x10000U : from & (~from + 1);
    while (from + size - 1 > range.last) size /= 2;
    keys.narrow.push_back({from, from + size - 1});
    from += size;
  }
}

Keys port_keys(const std::vector<PortRange>& ports) {
  Keys keys;
  for (const PortRange& range : ports) add_port_blocks(range, keys);
  return keys;
}

// Lists are not taken apart: they may have a million networks.
Keys address_keys(const AddressMatch& addresses) {
  Keys keys;
  if (!addresses.lists.empty()) return keys;
  for (const Prefix& prefix : addresses.prefixes) {
    const AddressBytes& bytes = prefix.address.bytes();
    if (prefix.address.family() == Family::ipv4) {
      const std::uint32_t first = ipv4_key(bytes);
      keys.narrow.push_back({first, last_of_network(first, prefix.length)});
    } else {
      const WideKey first = ipv6_key(bytes);
      keys.wide.push_back({first, last_of_network(first, prefix.length)});
    }
  }
  return keys;
}

// `end` or, where the rule leaves it open, the remote end.
Keys end_keys(const AddressMatch& end, const AddressMatch& remote, bool end_is_remote) {
  Keys keys = address_keys(end);
  return keys.usable() || !end_is_remote ? keys : address_keys(remote);
}

Keys owner_keys(const FieldMatch<std::uint32_t>& owners) {
  Keys keys;
  keys.empty_field = owners.unknown;
  for (const std::uint32_t id : owners.values) keys.narrow.push_back({id, id});
  return keys;
}

}  // namespace

class RuleIndex::Builder {
 public:
  Builder(std::span<const Rule> rules, Direction direction) : rules_{rules}, direction_{direction} {}

  // First every rule under everything: that tells how crowded each key is. Then each under the
  // dimension in which its most crowded key is the least crowded.
  RuleIndex build() const {
    const RuleIndex crowded = file([](std::uint32_t, Dimension) { return true; });
    std::vector<std::optional<Dimension>> best(rules_.size());
    for (std::uint32_t rule = 0; rule < rules_.size(); ++rule) best[rule] = least_crowded(rule, crowded);
    RuleIndex index = file([&](std::uint32_t rule, Dimension dimension) { return best[rule] == dimension; });
    for (std::uint32_t rule = 0; rule < rules_.size(); ++rule) {
      if (concerns(rule) && !best[rule]) index.rest_.push_back(rule);
    }
    return index;
  }

 private:
  bool concerns(std::uint32_t rule) const {
    return rules_[rule].directions.contains(direction_) && !rules_[rule].for_names();
  }

  Keys keys_of(std::uint32_t number, Dimension dimension) const {
    const Rule& rule = rules_[number];
    const bool inbound = direction_ == Direction::inbound;
    switch (dimension) {
      case Dimension::destination:
        return end_keys(rule.destination, rule.address, !inbound);
      case Dimension::source:
        return end_keys(rule.source, rule.address, inbound);
      case Dimension::port:
        return port_keys(rule.ports);
      case Dimension::source_port:
        return port_keys(rule.source_ports);
      case Dimension::user:
        return owner_keys(rule.users);
      case Dimension::group:
        return owner_keys(rule.groups);
      case Dimension::domain:
        return domain_keys(rule.domains);
      case Dimension::registrable_domain:
        return registrable_keys(rule.registrable_domains);
      case Dimension::interface:
        return text_keys(rule.interfaces);
      case Dimension::country:
        return owner_keys(country_numbers(rule.countries));
      case Dimension::asn:
        return owner_keys(rule.asns);
      case Dimension::sni:
        return text_keys(rule.first_bytes.sni);
      case Dimension::process:
      case Dimension::count_:
        break;
    }
    // The fields of a process follow one another.
    const std::size_t field =
        static_cast<std::size_t>(dimension) - static_cast<std::size_t>(Dimension::process);
    return text_keys(rule.who[field]);
  }

  // Lists of domains are not taken apart either.
  static Keys domain_keys(const DomainMatch& domains) {
    Keys keys;
    if (!domains.lists.empty()) return keys;
    keys.empty_field = domains.unknown;
    for (const DomainPattern& pattern : domains.patterns) {
      const std::uint32_t key = domain_key(pattern);
      keys.narrow.push_back({key, key});
    }
    return keys;
  }

  static Keys registrable_keys(const DomainMatch& domains) {
    Keys keys;
    if (!domains.lists.empty()) return keys;
    keys.empty_field = domains.unknown;
    for (const DomainPattern& pattern : domains.patterns)
      keys.narrow.push_back({field_key(pattern.name), field_key(pattern.name)});
    return keys;
  }

  static Keys text_keys(const FieldMatch<std::string>& texts) {
    Keys keys;
    if (std::ranges::any_of(texts.values, is_glob)) return keys;
    keys.empty_field = texts.unknown;
    for (const std::string& text : texts.values) keys.narrow.push_back({field_key(text), field_key(text)});
    return keys;
  }

  template <class Wanted>
  RuleIndex file(Wanted wanted) const {
    RuleIndex index;
    for (std::size_t i = 0; i < kDimensions; ++i) {
      const auto dimension = static_cast<Dimension>(i);
      Map& map = index.maps_[i];
      std::vector<RangeMap<std::uint32_t>::Entry> narrow;
      std::vector<RangeMap<WideKey>::Entry> wide;
      for (std::uint32_t rule = 0; rule < rules_.size(); ++rule) {
        if (!concerns(rule) || !wanted(rule, dimension)) continue;
        const Keys keys = keys_of(rule, dimension);
        if (!keys.usable()) continue;
        for (const auto& range : keys.narrow) narrow.push_back({range.first, range.last, rule});
        for (const auto& range : keys.wide) wide.push_back({range.first, range.last, rule});
        if (keys.empty_field) map.empty.push_back(rule);
        map.all.push_back(rule);
      }
      map.narrow = RangeMap<std::uint32_t>{std::move(narrow)};
      map.wide = RangeMap<WideKey>{std::move(wide)};
    }
    return index;
  }

  std::optional<Dimension> least_crowded(std::uint32_t rule, const RuleIndex& crowded) const {
    std::optional<Dimension> best;
    std::size_t fewest = std::numeric_limits<std::size_t>::max();
    if (!concerns(rule)) return best;
    for (std::size_t i = 0; i < kDimensions; ++i) {
      const auto dimension = static_cast<Dimension>(i);
      const Keys keys = keys_of(rule, dimension);
      if (!keys.usable()) continue;
      const Map& map = crowded.maps_[i];
      std::size_t most = keys.empty_field ? map.empty.size() : 0;
      for (const auto& range : keys.narrow) most = std::max(most, map.narrow.count(range.first));
      for (const auto& range : keys.wide) most = std::max(most, map.wide.count(range.first));
      if (most >= fewest) continue;
      best = dimension;
      fewest = most;
    }
    return best;
  }

  std::span<const Rule> rules_;
  Direction direction_;
};

RuleIndex::RuleIndex(std::span<const Rule> rules, Direction direction)
    : RuleIndex{Builder{rules, direction}.build()} {}

// FNV-1a, 32 bits (draft-eastlake-fnv).
std::uint32_t RuleIndex::field_key(std::string_view name) {
  std::uint32_t hash = 0x811c9dc5;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193;
  return hash;
}

std::uint32_t RuleIndex::domain_key(const DomainPattern& pattern) {
  std::uint32_t key = kDomainKey;
  for (std::size_t at = pattern.name.size(); at-- > 0;) key = next_domain_key(key, pattern.name[at]);
  return pattern.exact ? key : next_domain_key(key, '.');
}

}  // namespace tollgate
