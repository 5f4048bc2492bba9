// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <random>
#include <string>
#include <vector>

#include "../../../src/policy/compiled_policy.hpp"
#include "memory_sources.hpp"

namespace tollgate {

// Policies and evidence out of a small world, so that they meet often. The same seed gives the same.
class RandomWorld {
 public:
  explicit RandomWorld(std::uint32_t seed) : random_{seed} {}

  PolicyParts parts(std::size_t rules) {
    PolicyParts parts;
    for (std::size_t i = 0; i < 3; ++i) {
      parts.list_names.push_back("list" + std::to_string(i));
      PolicyList list;
      list.addresses = AddressList{prefixes(below(30))};
      DomainSet::Builder domains;
      for (std::uint32_t names = below(6); names > 0; --names) domains.add(pattern(), seldom());
      list.domains = std::move(domains).build();
      parts.lists.push_back(std::move(list));
    }
    parts.suffixes = std::make_shared<MemorySuffixes>("com b.com");
    parts.country_places = parts.asn_places =
        std::make_shared<MemoryPlaces>("0.0.0.0/30 DE 0\n255.0.0.0/30 FR 1\n::/126 DE -\nff00::/16 - 3\n");
    for (std::size_t i = 0; i < rules; ++i) parts.rules.push_back(rule(i));
    return parts;
  }

  Evidence evidence() {
    Evidence seen;
    const Family family = coin() ? Family::ipv4 : Family::ipv6;
    seen.tuple.family = family;
    seen.tuple.source = address(family).bytes();
    seen.tuple.destination = address(family).bytes();
    seen.tuple.protocol = protocol();
    seen.tuple.source_port = port();
    seen.tuple.destination_port = port();
    seen.direction = static_cast<Direction>(below(3));
    seen.interface = known<std::string_view>(kInterfaces[below(kInterfaces.size())]);
    seen.uid = known<std::uint32_t>(below(4));
    seen.gid = known<std::uint32_t>(below(4));
    domain_ = domain();
    seen.domain = known<std::string_view>(domain_);
    seen.domain_source = static_cast<NameSource>(below(3));
    process_ = process();
    seen.process = known<const Process*>(&process_);
    seen.findings = known<const Findings*>(&kFindings[below(kFindings.size())]);
    seen.encrypted = known<bool>(coin());
    seen.name_mismatch = known<bool>(coin());
    seen.reauthorize = coin();
    return seen;
  }

 private:
  static constexpr std::array<std::string_view, 5> kInterfaces = {"eth0", "eth1", "wg0", "lo", "veth12"};
  static constexpr std::array<const char*, 3> kCountries = {"DE", "FR", "IT"};
  static constexpr std::array<const char*, 6> kGlobs = {"eth0", "eth*", "?g0", "*", "veth1", "lo"};
  static constexpr std::array<Protocol, 4> kProtocols = {Protocol::tcp, Protocol::udp, Protocol::icmp,
                                                         Protocol::sctp};

  std::uint32_t below(std::size_t bound) { return static_cast<std::uint32_t>(random_() % bound); }
  bool coin() { return below(2) == 0; }
  bool seldom() { return below(4) == 0; }
  Protocol protocol() { return kProtocols[below(kProtocols.size())]; }
  // Few ports, and those at the ends of the range among them.
  std::uint16_t port() {
    const std::uint32_t number = below(12);
    return static_cast<std::uint16_t>(number < 10 ? number : number == 10 ? 32768 : 65535);
  }

  // Addresses differ in the first and the last byte only, so that networks of every length matter.
  IpAddress address(Family family) {
    const auto first = static_cast<std::uint8_t>(below(2) * 255);
    const auto last = static_cast<std::uint8_t>(below(8));
    if (family == Family::ipv4) return IpAddress::v4({first, 0, 0, last});
    std::array<std::uint8_t, 16> bytes{};
    bytes[0] = first;
    bytes[7] = static_cast<std::uint8_t>(below(2));
    bytes[15] = last;
    return IpAddress::v6(bytes);
  }

  Prefix prefix() {
    const Family family = coin() ? Family::ipv4 : Family::ipv6;
    const IpAddress inside = address(family);
    const unsigned bits = inside.bits();
    const unsigned length = seldom() ? below(bits + 1) : bits - below(4);
    std::array<std::uint8_t, 16> bytes = inside.bytes();
    for (unsigned bit = length; bit < bits; ++bit) {
      bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] & ~(0x80U >> bit % 8));
    }
    const IpAddress network = family == Family::ipv4 ? IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]})
                                                     : IpAddress::v6(bytes);
    return {network, static_cast<std::uint8_t>(length)};
  }

  std::vector<Prefix> prefixes(std::size_t count) {
    std::vector<Prefix> result;
    for (std::size_t i = 0; i < count; ++i) result.push_back(prefix());
    return result;
  }

  AddressMatch addresses() {
    AddressMatch match;
    if (!seldom()) return match;
    // Now and then so many that they become a list of the rule's own.
    match.prefixes = prefixes(seldom() ? 20 : 1 + below(3));
    if (seldom()) match.lists.push_back({below(3)});
    return match;
  }

  std::vector<PortRange> ports() {
    std::vector<PortRange> result;
    if (!seldom()) return result;
    for (std::uint32_t i = 0; i <= below(2); ++i) {
      const std::uint16_t a = port(), b = port();
      PortRange range{std::nullopt, std::min(a, b), std::max(a, b)};
      if (seldom()) range.protocol = coin() ? Protocol::tcp : Protocol::udp;
      result.push_back(range);
    }
    return result;
  }

  FieldMatch<std::uint32_t> owners() {
    FieldMatch<std::uint32_t> match;
    if (!seldom()) return match;
    for (std::uint32_t i = below(3); i > 0; --i) match.values.push_back(below(4));
    match.unknown = seldom();
    return match;
  }

  FieldMatch<Country> countries() {
    FieldMatch<Country> match;
    for (std::uint32_t i = below(3); i > 0; --i)
      match.values.push_back(*Country::parse(kCountries[below(3)]));
    match.unknown = seldom();
    return match;
  }

  // Names of up to four labels, out of few, that end alike.
  std::string domain() {
    std::string name = coin() ? "com" : "b.com";
    for (std::uint32_t i = below(3); i > 0; --i) name = std::string{coin() ? "a." : "b."} + name;
    return name;
  }
  DomainPattern pattern() {
    const bool exact = coin();
    return {domain(), exact, !exact};
  }
  DomainMatch domains(bool below_too) {
    DomainMatch match;
    // Now and then so many that they become a set of the rule's own.
    for (std::uint32_t i = seldom() ? 18 : below(3); i > 0; --i) {
      match.patterns.push_back(pattern());
      if (!below_too) match.patterns.back() = {match.patterns.back().name, true, false};
    }
    if (seldom()) match.lists.push_back({below(3)});
    match.unknown = seldom();
    return match;
  }
  FieldMatch<NameSource> name_sources() {
    FieldMatch<NameSource> match;
    for (std::uint32_t i = below(3); i > 0; --i) match.values.push_back(static_cast<NameSource>(below(3)));
    match.unknown = seldom();
    return match;
  }

  const std::string& text() { return kTexts[below(kTexts.size())]; }
  // Every field has its text, or none, whatever it would mean.
  Process process() {
    Process process;
    process.source = seldom() ? ProcessSource::kernel : ProcessSource::ebpf;
    for (std::string* field :
         {&process.path, &process.command, &process.script, &process.group.unit, &process.group.slice,
          &process.group.session, &process.cgroup, &process.group.container, &process.app, &process.sha256}) {
      if (!seldom()) *field = text();
    }
    for (std::uint32_t i = below(3); i > 0; --i) process.ancestors.push_back({{}, seldom() ? "" : text()});
    return process;
  }

  FieldMatch<std::string> texts() {
    FieldMatch<std::string> match;
    if (!seldom()) return match;
    for (std::uint32_t i = below(3); i > 0; --i) match.values.push_back(text());
    if (seldom()) match.values.emplace_back(coin() ? "/a*" : "kernel");
    match.unknown = seldom();
    return match;
  }

  FirstBytesMatch first_bytes() {
    FirstBytesMatch match;
    if (coin()) match.sni.values.emplace_back(coin() ? "*.example" : kFindings[below(3)].sni);
    if (seldom()) match.sni.unknown = true;
    if (seldom()) match.alpn.values.emplace_back(coin() ? "h*" : "h2");
    if (seldom()) match.protocol.values.push_back(coin() ? Spoken::tls : Spoken::http);
    if (seldom()) match.protocol.unknown = true;
    if (coin()) match.encrypted = coin();
    if (seldom()) match.name_mismatch = coin();
    return match;
  }

  Rule rule(std::size_t number) {
    Rule rule;
    rule.name = "rule " + std::to_string(number);
    do {
      for (const Direction direction : {Direction::outbound, Direction::inbound, Direction::forward}) {
        if (coin()) rule.directions.add(direction);
      }
    } while (rule.directions.empty());
    if (seldom()) rule.protocols.push_back(protocol());
    if (seldom()) rule.protocols.push_back(protocol());
    rule.ports = ports();
    rule.source_ports = ports();
    rule.source = addresses();
    rule.destination = addresses();
    rule.address = addresses();
    rule.users = owners();
    rule.groups = owners();
    if (seldom()) rule.scopes.push_back(static_cast<Scope>(below(4)));
    if (seldom()) rule.scopes.push_back(static_cast<Scope>(below(4)));
    if (seldom()) rule.countries = countries();
    if (seldom()) rule.asns = owners();
    if (seldom()) rule.domains = domains(true);
    if (seldom() && seldom()) rule.registrable_domains = domains(false);
    if (seldom() && seldom()) rule.name_sources = name_sources();
    if (seldom()) rule.interfaces.values.emplace_back(kGlobs[below(kGlobs.size())]);
    if (seldom()) rule.interfaces.unknown = coin();
    if (coin()) rule.who[below(kProcessFields)] = texts();
    if (seldom()) rule.who[below(kProcessFields)] = texts();
    if (coin()) rule.first_bytes = first_bytes();
    if (seldom()) rule.reauthorize = coin();
    rule.verdict = static_cast<Verdict>(below(kVerdictCount));
    return rule;
  }

  template <class T>
  Known<T> known(T value) {
    switch (below(6)) {
      case 0:
        return {};
      case 1:
        return Known<T>::awaited();
      default:
        return value;
    }
  }

  static Findings said(std::optional<Spoken> protocol, const char* sni, std::vector<std::string> alpn) {
    Findings findings;
    findings.protocol = protocol;
    findings.sni = sni;
    findings.alpn = std::move(alpn);
    return findings;
  }
  static inline const std::array<Findings, 4> kFindings = {
      said(Spoken::tls, "a.example", {"h2", "http/1.1"}), said(Spoken::tls, "b.example", {}),
      said(Spoken::quic, "c.other", {"h3"}), said(std::nullopt, "", {})};
  static inline const std::array<std::string, 4> kTexts = {"/a", "/ab", "/b", "/c/d"};
  std::mt19937 random_;
  Process process_;  // of the last evidence
  std::string domain_;
};

}  // namespace tollgate
