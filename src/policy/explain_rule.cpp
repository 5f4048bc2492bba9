// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain_rule.hpp"

#include <algorithm>
#include <optional>

#include "first_bytes.hpp"
#include "tollgate/base/glob.hpp"

namespace tollgate {
namespace {

std::string port_text(const PortRange& range) {
  std::string text = range.protocol ? to_string(*range.protocol) + '/' : std::string{};
  text += std::to_string(range.first);
  if (range.last != range.first) text += '-' + std::to_string(range.last);
  return text;
}

}  // namespace

std::string is_not(const std::vector<std::string>& values) {
  constexpr std::size_t kShown = 4;
  std::string text = values.size() == 1 ? "is not " : "is none of ";
  for (std::size_t i = 0; i < std::min(values.size(), kShown); ++i) text += (i == 0 ? "" : ", ") + values[i];
  if (values.size() > kShown) text += " and " + std::to_string(values.size() - kShown) + " more";
  return text;
}

namespace {

class Explainer {
 public:
  Explainer(std::span<const std::string> list_names, std::span<const PolicyList> lists, const Probe& probe)
      : list_names_{list_names}, lists_{lists}, probe_{probe}, seen_{probe.seen} {}

  RuleAnswer explain(const Rule& rule) {
    if (rule.for_names()) return {Match::no, "is for questions, " + std::string{to_string(*rule.pinned)}};
    const bool inbound = seen_.direction == Direction::inbound;
    const IpAddress source = seen_.tuple.source_address();
    const IpAddress destination = seen_.tuple.destination_address();
    direction(rule);
    protocol(rule);
    port(rule.ports, "port", seen_.tuple.destination_port);
    port(rule.source_ports, "source port", seen_.tuple.source_port);
    address(rule.source, "source", source);
    address(rule.destination, "destination", destination);
    address(rule.address, "address", inbound ? source : destination);
    scope(rule, inbound ? source : destination);
    country(rule);
    owner(rule.asns, "asn", probe_.asn);
    domain(rule.domains, "domain", seen_.domain);
    domain(rule.registrable_domains, "registrable domain", probe_.registrable);
    name_source(rule);
    interface(rule);
    owner(rule.users, "user", seen_.uid);
    owner(rule.groups, "group", seen_.gid);
    for (std::size_t i = 0; i < kProcessFields; ++i) process(process_field(i), rule.who[i]);
    first_bytes(rule);
    reauthorize(rule);
    if (no_) return {Match::no, *no_};
    if (waits_) return {Match::unknown, "waits for the " + *waits_};
    if (inspects_) return {Match::inspects, "waits for what the first bytes say: " + *inspects_};
    if (given_verdict(rule, seen_) != rule.verdict)
      return {Match::yes, "matches, and what is not encrypted is blocked"};
    return {Match::yes, "matches"};
  }

 private:
  // The first field that does not match is the reason that is given.
  void no(std::string why) {
    if (!no_) no_ = std::move(why);
  }
  void wait_for(std::string field) {
    if (!waits_) waits_ = std::move(field);
  }

  void direction(const Rule& rule) {
    if (!rule.directions.contains(seen_.direction))
      no("direction is " + std::string{to_string(seen_.direction)});
  }

  void protocol(const Rule& rule) {
    if (rule.protocols.empty()) return;
    if (std::ranges::find(rule.protocols, seen_.tuple.protocol) != rule.protocols.end()) return;
    std::vector<std::string> wanted;
    for (const Protocol protocol : rule.protocols) wanted.push_back(to_string(protocol));
    no("protocol " + to_string(seen_.tuple.protocol) + ' ' + is_not(wanted));
  }

  void port(const std::vector<PortRange>& ranges, const char* name, std::uint16_t port) {
    if (ranges.empty()) return;
    const Protocol protocol = seen_.tuple.protocol;
    if (!has_ports(protocol)) return no("protocol " + to_string(protocol) + " has no ports");
    std::vector<std::string> wanted;
    for (const PortRange& range : ranges) {
      const bool right_protocol = !range.protocol || *range.protocol == protocol;
      if (right_protocol && port >= range.first && port <= range.last) return;
      wanted.push_back(port_text(range));
    }
    no(std::string{name} + ' ' + to_string(protocol) + '/' + std::to_string(port) + ' ' + is_not(wanted));
  }

  void address(const AddressMatch& match, const char* name, const IpAddress& address) {
    if (match.any()) return;
    std::vector<std::string> wanted;
    for (const Prefix& prefix : match.prefixes) {
      if (prefix.contains(address)) return;
      wanted.push_back(prefix.to_string());
    }
    for (const ListId list : match.lists) {
      if (lists_[list.value].addresses.contains(address)) return;
      wanted.push_back('@' + list_names_[list.value]);
    }
    no(std::string{name} + ' ' + address.to_string() + ' ' + is_not(wanted));
  }

  void scope(const Rule& rule, const IpAddress& remote) {
    if (rule.scopes.empty()) return;
    const Scope scope = scope_of(remote);
    if (std::ranges::find(rule.scopes, scope) != rule.scopes.end()) return;
    std::vector<std::string> wanted;
    for (const Scope each : rule.scopes) wanted.emplace_back(to_string(each));
    no("scope " + std::string{to_string(scope)} + ' ' + is_not(wanted));
  }

  void country(const Rule& rule) {
    if (rule.countries.any()) return;
    if (probe_.country.is_empty()) {
      if (!rule.countries.unknown) no("country is unknown");
      return;
    }
    const Country country{static_cast<std::uint16_t>(*probe_.country)};
    if (std::ranges::find(rule.countries.values, country) != rule.countries.values.end()) return;
    std::vector<std::string> wanted;
    for (const Country each : rule.countries.values) wanted.push_back(each.to_string());
    if (rule.countries.unknown) wanted.emplace_back("unknown");
    no("country " + country.to_string() + ' ' + is_not(wanted));
  }

  void domain(const DomainMatch& match, const char* name, const Known<std::string_view>& domain) {
    if (match.any()) return;
    if (domain.is_awaited()) return wait_for(name);
    if (domain.is_empty()) {
      if (!match.unknown) no(std::string{name} + " is unknown");
      return;
    }
    std::vector<std::string> wanted;
    for (const DomainPattern& pattern : match.patterns) {
      if (pattern.matches(*domain)) return;
      wanted.push_back(pattern.to_string());
    }
    for (const ListId list : match.lists) {
      if (lists_[list.value].domains.contains(*domain)) return;
      wanted.push_back('@' + list_names_[list.value]);
    }
    if (match.unknown) wanted.emplace_back("unknown");
    no(std::string{name} + ' ' + std::string{*domain} + ' ' + is_not(wanted));
  }

  void name_source(const Rule& rule) {
    const FieldMatch<NameSource>& match = rule.name_sources;
    if (match.any()) return;
    if (seen_.domain.is_awaited()) return wait_for("domain");
    if (seen_.domain.is_empty()) {
      if (!match.unknown) no("name source is unknown");
      return;
    }
    if (std::ranges::find(match.values, seen_.domain_source) != match.values.end()) return;
    std::vector<std::string> wanted;
    for (const NameSource source : match.values) wanted.emplace_back(to_string(source));
    if (match.unknown) wanted.emplace_back("unknown");
    no("name source " + std::string{to_string(seen_.domain_source)} + ' ' + is_not(wanted));
  }

  void interface(const Rule& rule) {
    const FieldMatch<std::string>& match = rule.interfaces;
    if (match.any()) return;
    if (seen_.interface.is_awaited()) return wait_for("interface");
    if (seen_.interface.is_empty()) {
      if (!match.unknown) no("interface is unknown");
      return;
    }
    const auto matches = [&](const std::string& glob) { return glob_matches(glob, *seen_.interface); };
    if (std::ranges::any_of(match.values, matches)) return;
    std::vector<std::string> wanted = match.values;
    if (match.unknown) wanted.emplace_back("unknown");
    no("interface " + std::string{*seen_.interface} + ' ' + is_not(wanted));
  }

  void owner(const FieldMatch<std::uint32_t>& match, const char* name, const Known<std::uint32_t>& owner) {
    if (match.any()) return;
    if (owner.is_awaited()) return wait_for(name);
    if (owner.is_empty()) {
      if (!match.unknown) no(std::string{name} + " is unknown");
      return;
    }
    std::vector<std::string> wanted;
    for (const std::uint32_t id : match.values) {
      if (id == *owner) return;
      wanted.push_back(std::to_string(id));
    }
    if (match.unknown) wanted.emplace_back("unknown");
    no(std::string{name} + ' ' + std::to_string(*owner) + ' ' + is_not(wanted));
  }

  void process(ProcessField field, const FieldMatch<std::string>& match) {
    if (match.any()) return;
    const std::string name{to_string(field)};
    if (seen_.awaits(field)) return wait_for(name);
    if (seen_.process.is_empty() || lacks(**seen_.process, field)) {
      if (!match.unknown) no(name + " is unknown");
      return;
    }
    const auto matches = [&](const std::string& glob) {
      return any_text(**seen_.process, field,
                      [&](std::string_view text) { return glob_matches(glob, text); });
    };
    if (std::ranges::any_of(match.values, matches)) return;
    std::vector<std::string> wanted = match.values;
    if (match.unknown) wanted.emplace_back("unknown");
    no(name + ' ' + std::string{text_of(**seen_.process, field)} + ' ' + is_not(wanted));
  }

  void first_bytes(const Rule& rule) {
    const FirstBytesAnswer answer = explain_first_bytes({rule.first_bytes, rule.demands_encryption()}, seen_);
    if (!answer.no.empty()) no(answer.no);
    if (!answer.waits.empty()) inspects_ = answer.waits;
  }

  void reauthorize(const Rule& rule) {
    if (!rule.reauthorize || *rule.reauthorize == seen_.reauthorize) return;
    no(seen_.reauthorize ? "is asked again" : "is asked for the first time");
  }

  std::span<const std::string> list_names_;
  std::span<const PolicyList> lists_;
  const Probe& probe_;
  const Evidence& seen_;
  std::optional<std::string> no_;
  std::optional<std::string> waits_;
  std::optional<std::string> inspects_;
};

}  // namespace

RuleAnswer explain_rule(const Rule& rule, std::span<const std::string> list_names,
                        std::span<const PolicyList> lists, const Probe& probe) {
  return Explainer{list_names, lists, probe}.explain(rule);
}

}  // namespace tollgate
