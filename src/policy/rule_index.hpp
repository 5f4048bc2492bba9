// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "probe.hpp"
#include "range_map.hpp"
#include "tollgate/policy/rule.hpp"

namespace tollgate {

// Which rules of one direction a flow could match at all. Every rule is filed under the one of its
// fields by which the fewest others could be found as well; what has no such field (address lists,
// globs, nothing at all) is a candidate for every flow.
class RuleIndex {
 public:
  RuleIndex() = default;
  RuleIndex(std::span<const Rule> rules, Direction direction);

  // Calls visit(RuleIds), each ascending: together they hold every rule that matches or waits, and
  // few others. A rule may come more than once.
  template <class Visit>
  void each(const Probe& probe, Visit&& visit) const {
    each_address(map(Dimension::destination), probe.destination, visit);
    each_address(map(Dimension::source), probe.source, visit);
    if (probe.ports) {
      each_port(map(Dimension::port), probe.seen.tuple.destination_port, visit);
      each_port(map(Dimension::source_port), probe.seen.tuple.source_port, visit);
    }
    each_field(map(Dimension::user), probe.seen.uid, visit);
    each_field(map(Dimension::group), probe.seen.gid, visit);
    each_domain(map(Dimension::domain), probe.seen.domain, visit);
    each_field(map(Dimension::registrable_domain), probe.registrable, visit);
    each_field(map(Dimension::interface), probe.seen.interface, visit);
    each_field(map(Dimension::country), probe.country, visit);
    each_field(map(Dimension::asn), probe.asn, visit);
    each_field(map(Dimension::sni), probe.sni, visit);
    for (std::size_t i = 0; i < kProcessFields; ++i) {
      each_process(map(process_dimension(process_field(i))), process_field(i), probe.seen, visit);
    }
    visit(RuleIds{rest_});
  }

 private:
  // In the order of preference where all else is equal.
  enum class Dimension : std::uint8_t {
    destination,
    source,
    port,
    source_port,
    user,
    group,
    domain,
    registrable_domain,
    interface,
    country,
    asn,
    sni,
    process,  // and the other fields of a process, in their order
    count_ = process + kProcessFields
  };
  static constexpr std::size_t kDimensions = static_cast<std::size_t>(Dimension::count_);
  static constexpr Dimension process_dimension(ProcessField field) {
    return static_cast<Dimension>(static_cast<std::size_t>(Dimension::process) + index_of(field));
  }

  struct Map {
    RangeMap<std::uint32_t> narrow;    // IPv4 addresses, ports, ids, names
    RangeMap<WideKey> wide;            // IPv6 addresses
    std::vector<std::uint32_t> empty;  // rules that match the empty field
    std::vector<std::uint32_t> all;    // while the field is awaited, all of them wait
  };
  class Builder;

  const Map& map(Dimension dimension) const { return maps_[static_cast<std::size_t>(dimension)]; }

  static std::uint32_t field_key(std::uint32_t id) { return id; }
  // A name as a number. That two names share one costs a candidate, not the answer.
  static std::uint32_t field_key(std::string_view name);

  // A name, or a dot and a name for all that is below it, as a number: made from its end, so that one pass
  // over a domain gives those of every name above it.
  static constexpr std::uint32_t kDomainKey = 0x811c9dc5;  // FNV-1a, 32 bits (draft-eastlake-fnv)
  static constexpr std::uint32_t next_domain_key(std::uint32_t key, char c) {
    return (key ^ static_cast<unsigned char>(c)) * 0x01000193;
  }
  static std::uint32_t domain_key(const DomainPattern& pattern);

  template <class Visit>
  static void each_address(const Map& map, const AddressProbe& address, Visit&& visit) {
    if (address.family == Family::ipv4) {
      map.narrow.each(address.narrow, visit);
    } else {
      map.wide.each(address.wide, visit);
    }
  }
  template <class Visit>
  static void each_port(const Map& map, std::uint16_t port, Visit&& visit) {
    map.narrow.each(port, visit);
  }
  template <class Field, class Visit>
  static void each_field(const Map& map, const Field& field, Visit&& visit) {
    if (map.all.empty()) return;
    if (field.is_known()) {
      map.narrow.each(field_key(*field), visit);
    } else {
      visit(RuleIds{field.is_empty() ? map.empty : map.all});
    }
  }

  template <class Visit>
  static void each_domain(const Map& map, const Known<std::string_view>& domain, Visit&& visit) {
    if (map.all.empty()) return;
    if (!domain.is_known()) return visit(RuleIds{domain.is_empty() ? map.empty : map.all});
    std::uint32_t key = kDomainKey;
    for (std::size_t at = domain->size(); at-- > 0;) {
      key = next_domain_key(key, (*domain)[at]);
      if (at == 0 || (*domain)[at] == '.') map.narrow.each(key, visit);
    }
  }

  template <class Visit>
  static void each_process(const Map& map, ProcessField field, const Evidence& seen, Visit&& visit) {
    if (map.all.empty()) return;
    if (seen.awaits(field)) return visit(RuleIds{map.all});
    if (seen.process.is_empty()) return visit(RuleIds{map.empty});
    bool some = false;
    any_text(**seen.process, field, [&](std::string_view text) {
      some = true;
      map.narrow.each(field_key(text), visit);
      return false;  // go on
    });
    if (!some) visit(RuleIds{map.empty});
  }

  std::array<Map, kDimensions> maps_;
  std::vector<std::uint32_t> rest_;
};

}  // namespace tollgate
