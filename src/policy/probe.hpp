// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "address_key.hpp"
#include "tollgate/base/scope.hpp"
#include "tollgate/policy/evidence.hpp"

namespace tollgate {

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
        ports{has_ports(evidence.tuple.protocol)} {}

  // The end of the flow that is not this machine; of forwarded ones, where they go.
  const AddressProbe& remote() const { return seen.direction == Direction::inbound ? source : destination; }

  const Evidence& seen;
  AddressProbe source;
  AddressProbe destination;
  Scope remote_scope() const {
    const IpAddress address =
        seen.direction == Direction::inbound ? seen.tuple.source_address() : seen.tuple.destination_address();
    return scope_of(address);
  }

  bool ports;  // the protocol has them; ICMP keeps other things in their place
};

}  // namespace tollgate
