// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tollgate/base/ip.hpp"
#include "tollgate/base/scope.hpp"
#include "tollgate/base/time.hpp"
#include "tollgate/flow/verdict.hpp"
#include "tollgate/inspect/findings.hpp"
#include "tollgate/names/name_source.hpp"
#include "tollgate/policy/domains.hpp"
#include "tollgate/policy/places.hpp"
#include "tollgate/process/process_field.hpp"
#include "tollgate/wire/protocol.hpp"

namespace tollgate {

// Bits of Direction.
class DirectionSet {
 public:
  constexpr DirectionSet() = default;
  void add(Direction direction) { bits_ |= bit(direction); }
  bool contains(Direction direction) const { return (bits_ & bit(direction)) != 0; }
  bool empty() const { return bits_ == 0; }
  friend bool operator==(const DirectionSet&, const DirectionSet&) = default;

 private:
  static constexpr std::uint8_t bit(Direction d) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(d));
  }
  std::uint8_t bits_ = 0;
};

// "443", "8000-8999", "tcp/443", "udp/1000-2000".
struct PortRange {
  std::optional<Protocol> protocol;  // any protocol with ports when absent
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// Index into Policy::lists().
struct ListId {
  std::uint32_t value = 0;
  friend bool operator==(ListId, ListId) = default;
};

// One end of a flow: any of the prefixes, or in any of the lists. Both empty: any address.
struct AddressMatch {
  std::vector<Prefix> prefixes;
  std::vector<ListId> lists;
  bool any() const { return prefixes.empty() && lists.empty(); }
  friend bool operator==(const AddressMatch&, const AddressMatch&) = default;
};

// A name of a flow: any of the patterns, in any of the lists, or (unknown) none at all.
struct DomainMatch {
  std::vector<DomainPattern> patterns;
  std::vector<ListId> lists;
  bool unknown = false;
  bool any() const { return patterns.empty() && lists.empty() && !unknown; }
  friend bool operator==(const DomainMatch&, const DomainMatch&) = default;
};

// Values of a field that a rule can also match when it is empty ("unknown").
template <class T>
struct FieldMatch {
  std::vector<T> values;
  bool unknown = false;  // matches the empty field
  bool any() const { return values.empty() && !unknown; }
  friend bool operator==(const FieldMatch&, const FieldMatch&) = default;
};

// The stages of a question for a name; the others are a flow's.
constexpr bool is_of_names(Stage stage) {
  return stage == Stage::before_resolving || stage == Stage::after_resolving;
}

// What a rule says of a flow's first bytes (stage 5).
struct FirstBytesMatch {
  FieldMatch<std::string> sni;    // globs, in lower case
  FieldMatch<std::string> alpn;   // globs; any of the protocols that the flow offers will do
  FieldMatch<Spoken> protocol;    // protocol_seen
  std::optional<bool> encrypted;  // see Rule::demands_encryption
  std::optional<bool> name_mismatch;
  bool any() const { return sni.any() && alpn.any() && protocol.any() && !encrypted && !name_mismatch; }
  friend bool operator==(const FirstBytesMatch&, const FirstBytesMatch&) = default;
};

// One [[rule]], checked. Every field that is given must match; within a field any value will do.
struct Rule {
  std::string name;  // as written, or "FILE:LINE" when it has none
  std::string file;
  std::uint32_t line = 0;   // of [[rule]]
  bool added = false;       // at run time, not by a file of the policy
  DirectionSet directions;  // never empty: without the key, all three
  std::vector<Protocol> protocols;
  std::vector<PortRange> ports;  // destination port of the flow
  std::vector<PortRange> source_ports;
  AddressMatch source;
  AddressMatch destination;
  AddressMatch address;            // the remote end: destination outbound and forward, source inbound
  std::vector<Scope> scopes;       // of the remote end
  FieldMatch<Country> countries;   // the same
  FieldMatch<std::uint32_t> asns;  // the same
  DomainMatch domains;
  DomainMatch registrable_domains;  // what of the domain somebody has registered; patterns are exact
  FieldMatch<NameSource> name_sources;
  FieldMatch<std::string> interfaces;                       // globs: * and ?
  FieldMatch<std::uint32_t> users;                          // uids
  FieldMatch<std::uint32_t> groups;                         // gids
  std::array<FieldMatch<std::string>, kProcessFields> who;  // globs, by ProcessField
  FirstBytesMatch first_bytes;
  std::optional<bool> reauthorize;
  // Types of questions for names (IANA's numbers); empty: any. Given, the rule is for questions only.
  std::vector<std::uint16_t> query_types;
  // The only stage at which it is tried: before_resolving or after_resolving (questions, no flows), or link
  // (flows, no questions).
  std::optional<Stage> pinned;
  std::optional<Time> expires;  // from then on it is none
  Verdict verdict = Verdict::accept;
  // peers = "any": what it accepts authorizes the local socket, whoever the peer is.
  bool any_peer = false;
  // The earliest stage at which everything the rule speaks of can be known: inspection when it speaks of
  // the first bytes; communication when it names neither protocol, port, source nor interface; else link.
  Stage stage = Stage::link;
  // For questions alone: no flow meets it.
  bool for_names() const { return pinned && is_of_names(*pinned); }
  // "Encrypted or not at all": what the rule would let pass and is not encrypted is blocked by it.
  bool demands_encryption() const { return first_bytes.encrypted == true && lets_pass(verdict); }
  friend bool operator==(const Rule&, const Rule&) = default;
};

}  // namespace tollgate
