// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string_view>

#include "address_key.hpp"
#include "tollgate/base/scope.hpp"
#include "tollgate/policy/evidence.hpp"
#include "tollgate/policy/rule.hpp"

namespace tollgate {

// Countries as the numbers that are compared.
inline FieldMatch<std::uint32_t> country_numbers(const FieldMatch<Country>& countries) {
  FieldMatch<std::uint32_t> numbers;
  numbers.unknown = countries.unknown;
  for (const Country country : countries.values) numbers.values.push_back(country.value);
  return numbers;
}

// The same of sources of names.
inline FieldMatch<std::uint32_t> source_numbers(const FieldMatch<NameSource>& sources) {
  FieldMatch<std::uint32_t> numbers;
  numbers.unknown = sources.unknown;
  for (const NameSource source : sources.values) numbers.values.push_back(static_cast<std::uint32_t>(source));
  return numbers;
}

// One address of a flow, in the form that is compared.
struct AddressProbe {
  Family family = Family::ipv4;
  std::uint32_t narrow = 0;  // of IPv4
  WideKey wide;              // of IPv6
};

inline AddressProbe address_probe(Family family, const AddressBytes& bytes) {
  if (family == Family::ipv4) return {family, ipv4_key(bytes), {}};
  return {family, 0, ipv6_key(bytes)};
}

// The evidence of one decision, in the form that is compared.
struct Probe {
  explicit Probe(const Evidence& evidence)
      : seen{evidence},
        source{address_probe(evidence.tuple.family, evidence.tuple.source)},
        destination{address_probe(evidence.tuple.family, evidence.tuple.destination)},
        sni{sni_of(evidence)},
        ports{has_ports(evidence.tuple.protocol)} {}

  IpAddress remote_address() const {
    return seen.direction == Direction::inbound ? seen.tuple.source_address()
                                                : seen.tuple.destination_address();
  }
  // Where the domain was seen, as the number that is compared.
  Known<std::uint32_t> name_source() const {
    if (seen.domain.is_known()) return static_cast<std::uint32_t>(seen.domain_source);
    return seen.domain.is_awaited() ? Known<std::uint32_t>::awaited() : Known<std::uint32_t>{};
  }
  Scope remote_scope() const { return scope_of(remote_address()); }

  // The end of the flow that is not this machine; of forwarded ones, where they go.
  const AddressProbe& remote() const { return seen.direction == Direction::inbound ? source : destination; }

  static Known<std::string_view> sni_of(const Evidence& evidence) {
    if (evidence.findings.is_awaited()) return Known<std::string_view>::awaited();
    if (evidence.findings.is_empty() || (*evidence.findings)->sni.empty()) return {};
    return std::string_view{(*evidence.findings)->sni};
  }

  const Evidence& seen;
  AddressProbe source;
  AddressProbe destination;
  // Of the remote end, where rules ask for them.
  Known<std::uint32_t> country;  // Country::value
  Known<std::uint32_t> asn;
  // Of the domain, where rules ask for it.
  Known<std::string_view> registrable;
  Known<std::string_view> sni;
  bool ports;  // the protocol has them; ICMP keeps other things in their place
};

}  // namespace tollgate
