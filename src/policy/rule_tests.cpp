// SPDX-License-Identifier: GPL-2.0-or-later
#include "rule_tests.hpp"

#include <algorithm>

#include "tollgate/base/glob.hpp"

namespace tollgate {
namespace {

// From here on a search in a list is quicker than one look at each.
constexpr std::size_t kManyNetworks = 16;
constexpr std::size_t kManyDomains = 16;

Match decided(bool matches) { return matches ? Match::yes : Match::no; }

}  // namespace

RuleTests::RuleTests(std::span<const Rule> rules, std::span<const PolicyList> lists) : lists_{lists} {
  begins_.reserve(rules.size() + 1);
  for (const Rule& rule : rules) {
    begins_.push_back(static_cast<std::uint32_t>(tests_.size()));
    add_rule(rule);
  }
  begins_.push_back(static_cast<std::uint32_t>(tests_.size()));
  tests_.shrink_to_fit();
}

void RuleTests::add_rule(const Rule& rule) {
  const std::size_t begin = tests_.size();
  for (const Protocol protocol : rule.protocols) {
    tests_.push_back({.field = Field::protocol, .operand = Operand::number, .protocol = protocol});
  }
  close_run(begin);
  add_ports(Field::port, rule.ports);
  add_ports(Field::source_port, rule.source_ports);
  add_addresses(Field::source, rule.source);
  add_addresses(Field::destination, rule.destination);
  add_addresses(Field::remote, rule.address);
  add_scopes(rule.scopes);
  add_owners(Field::country, country_numbers(rule.countries));
  add_owners(Field::asn, rule.asns);
  add_domains(Field::domain, rule.domains);
  add_domains(Field::registrable_domain, rule.registrable_domains);
  add_owners(Field::name_source, source_numbers(rule.name_sources));
  add_interfaces(rule.interfaces);
  add_owners(Field::user, rule.users);
  add_owners(Field::group, rule.groups);
  for (std::size_t i = 0; i < kProcessFields; ++i) add_process(process_field(i), rule.who[i]);
  if (!rule.first_bytes.any()) {
    tests_.push_back(
        {.field = Field::first_bytes, .operand = Operand::number, .key = {0, first_bytes_.size()}});
    first_bytes_.push_back({rule.first_bytes, rule.demands_encryption()});
  }
  if (rule.reauthorize) {
    tests_.push_back(
        {.field = Field::reauthorize, .operand = Operand::number, .key = {0, *rule.reauthorize ? 1U : 0U}});
  }
  FieldMatch<std::uint32_t> types;
  types.values.assign(rule.query_types.begin(), rule.query_types.end());
  add_owners(Field::query_type, types);
}

void RuleTests::close_run(std::size_t begin) {
  if (begin < tests_.size()) tests_[begin].run = static_cast<std::uint32_t>(tests_.size() - begin);
}

void RuleTests::add_ports(Field field, const std::vector<PortRange>& ports) {
  const std::size_t begin = tests_.size();
  for (const PortRange& range : ports) {
    tests_.push_back({.field = field,
                      .operand = range.protocol ? Operand::protocol_ports : Operand::ports,
                      .protocol = range.protocol.value_or(Protocol::tcp),
                      .key = {range.first, range.last}});
  }
  close_run(begin);
}

void RuleTests::add_addresses(Field field, const AddressMatch& addresses) {
  const std::size_t begin = tests_.size();
  if (addresses.prefixes.size() > kManyNetworks) {
    const auto number = static_cast<std::uint32_t>(own_lists_.size());
    own_lists_.emplace_back(addresses.prefixes);
    tests_.push_back({.field = field, .operand = Operand::own_list, .key = {0, number}});
  } else {
    for (const Prefix& prefix : addresses.prefixes) {
      const AddressBytes& bytes = prefix.address.bytes();
      const bool narrow = prefix.address.family() == Family::ipv4;
      tests_.push_back({.field = field,
                        .operand = narrow ? Operand::network4 : Operand::network6,
                        .length = prefix.length,
                        .key = narrow ? WideKey{0, ipv4_key(bytes)} : ipv6_key(bytes)});
    }
  }
  for (const ListId list : addresses.lists) {
    tests_.push_back({.field = field, .operand = Operand::list, .key = {0, list.value}});
  }
  close_run(begin);
}

void RuleTests::add_scopes(const std::vector<Scope>& scopes) {
  const std::size_t begin = tests_.size();
  for (const Scope scope : scopes) {
    tests_.push_back(
        {.field = Field::scope, .operand = Operand::number, .key = {0, static_cast<std::uint64_t>(scope)}});
  }
  close_run(begin);
}

void RuleTests::add_domains(Field field, const DomainMatch& domains) {
  const std::size_t begin = tests_.size();
  if (domains.patterns.size() > kManyDomains) {
    DomainSet::Builder own;
    for (const DomainPattern& pattern : domains.patterns) own.add(pattern);
    tests_.push_back({.field = field, .operand = Operand::own_domains, .key = {0, own_domains_.size()}});
    own_domains_.push_back(std::move(own).build());
  } else {
    for (const DomainPattern& pattern : domains.patterns) {
      const Operand operand = pattern.exact ? Operand::name : Operand::below;
      tests_.push_back({.field = field, .operand = operand, .key = {0, names_.size()}});
      names_.push_back(pattern.exact ? pattern.name : '.' + pattern.name);
    }
  }
  for (const ListId list : domains.lists) {
    tests_.push_back({.field = field, .operand = Operand::list, .key = {0, list.value}});
  }
  if (domains.unknown) tests_.push_back({.field = field, .operand = Operand::unknown});
  close_run(begin);
}

void RuleTests::add_interfaces(const FieldMatch<std::string>& interfaces) {
  const std::size_t begin = tests_.size();
  for (const std::string& name : interfaces.values) {
    const auto number = static_cast<std::uint32_t>(names_.size());
    names_.push_back(name);
    const Operand operand = is_glob(name) ? Operand::glob : Operand::name;
    tests_.push_back({.field = Field::interface, .operand = operand, .key = {0, number}});
  }
  if (interfaces.unknown) tests_.push_back({.field = Field::interface, .operand = Operand::unknown});
  close_run(begin);
}

void RuleTests::add_process(ProcessField field, const FieldMatch<std::string>& texts) {
  const std::size_t begin = tests_.size();
  const std::uint64_t which = index_of(field);
  for (const std::string& text : texts.values) {
    const Operand operand = is_glob(text) ? Operand::glob : Operand::name;
    tests_.push_back({.field = Field::process, .operand = operand, .key = {which, names_.size()}});
    names_.push_back(text);
  }
  if (texts.unknown) {
    tests_.push_back({.field = Field::process, .operand = Operand::unknown, .key = {which, 0}});
  }
  close_run(begin);
}

void RuleTests::add_owners(Field field, const FieldMatch<std::uint32_t>& owners) {
  const std::size_t begin = tests_.size();
  for (const std::uint32_t id : owners.values) {
    tests_.push_back({.field = field, .operand = Operand::number, .key = {0, id}});
  }
  if (owners.unknown) tests_.push_back({.field = field, .operand = Operand::unknown});
  close_run(begin);
}

Match RuleTests::match(std::uint32_t rule, const Probe& probe) const {
  const Test* test = tests_.data() + begins_[rule];
  const Test* const end = tests_.data() + begins_[rule + 1];
  bool waits = false, inspects = false;
  while (test != end) {
    const Match match = match_field({test, test->run}, probe);
    // A field that says no settles it, whatever the rule still waits for.
    if (match == Match::no) return Match::no;
    if (match == Match::unknown) waits = true;
    if (match == Match::inspects) inspects = true;
    test += test->run;
  }
  return waits ? Match::unknown : inspects ? Match::inspects : Match::yes;
}

// What a question for a name, or an answer, says already of the flows that may follow.
bool RuleTests::is_told(Field field, const Evidence& seen) {
  switch (field) {
    case Field::protocol:
    case Field::port:
    case Field::source_port:
    case Field::source:
    case Field::name_source:
    case Field::interface:
    case Field::first_bytes:
    case Field::reauthorize:
      return false;
    case Field::destination:
    case Field::remote:
    case Field::scope:
    case Field::country:
    case Field::asn:
      return seen.addressed;
    case Field::domain:
    case Field::registrable_domain:
    case Field::user:
    case Field::group:
    case Field::process:
    case Field::query_type:
      break;
  }
  return true;
}

Match RuleTests::match_field(Run run, const Probe& probe) const {
  if (is_of_names(probe.seen.at) && !is_told(run.front().field, probe.seen)) return Match::unknown;
  const FiveTuple& tuple = probe.seen.tuple;
  const auto port_is = [&](std::uint16_t port) {
    return decided(probe.ports && std::ranges::any_of(run, [&](const Test& test) {
                     const bool protocol = test.operand == Operand::ports || test.protocol == tuple.protocol;
                     return protocol && test.key.high <= port && port <= test.key.low;
                   }));
  };
  const auto owner_is = [&](const Known<std::uint32_t>& owner) {
    if (owner.is_awaited()) return Match::unknown;
    return decided(std::ranges::any_of(run, [&](const Test& test) {
      if (test.operand == Operand::unknown) return owner.is_empty();
      return owner.is_known() && *owner == test.key.low;
    }));
  };
  switch (run.front().field) {
    case Field::protocol:
      return decided(
          std::ranges::any_of(run, [&](const Test& test) { return test.protocol == tuple.protocol; }));
    case Field::port:
      return port_is(tuple.destination_port);
    case Field::source_port:
      return port_is(tuple.source_port);
    case Field::source:
      return decided(match_address(run, probe.source));
    case Field::destination:
      return decided(match_address(run, probe.destination));
    case Field::remote:
      return decided(match_address(run, probe.remote()));
    case Field::scope: {
      const auto scope = static_cast<std::uint64_t>(probe.remote_scope());
      return decided(std::ranges::any_of(run, [&](const Test& test) { return test.key.low == scope; }));
    }
    case Field::country:
      return owner_is(probe.country);
    case Field::asn:
      return owner_is(probe.asn);
    case Field::domain:
      return match_domain(run, probe.seen.domain);
    case Field::registrable_domain:
      return match_domain(run, probe.registrable);
    case Field::name_source:
      return owner_is(probe.name_source());
    case Field::interface:
      return match_interface(run, probe.seen.interface);
    case Field::user:
      return owner_is(probe.seen.uid);
    case Field::group:
      return owner_is(probe.seen.gid);
    case Field::process:
      return match_process(run, probe.seen);
    case Field::first_bytes:
      return match_first_bytes(first_bytes_[run.front().number()], probe.seen);
    case Field::reauthorize:
      return decided(probe.seen.reauthorize == (run.front().key.low == 1));
    case Field::query_type:
      return owner_is(Known<std::uint32_t>{probe.seen.query_type});
  }
  return Match::no;
}

bool RuleTests::match_address(Run run, const AddressProbe& address) const {
  const bool narrow = address.family == Family::ipv4;
  const auto in_list = [&](const AddressList& list) {
    return narrow ? list.contains4(address.narrow) : list.contains6(address.wide);
  };
  return std::ranges::any_of(run, [&](const Test& test) {
    if (test.operand == Operand::list) return in_list(lists_[test.number()].addresses);
    if (test.operand == Operand::own_list) return in_list(own_lists_[test.number()]);
    if (narrow != (test.operand == Operand::network4)) return false;
    if (narrow) {
      const auto first = static_cast<std::uint32_t>(test.key.low);
      return first <= address.narrow && address.narrow <= last_of_network(first, test.length);
    }
    return test.key <= address.wide && address.wide <= last_of_network(test.key, test.length);
  });
}

Match RuleTests::match_domain(Run run, const Known<std::string_view>& domain) const {
  if (domain.is_awaited()) return Match::unknown;
  return decided(std::ranges::any_of(run, [&](const Test& test) {
    if (test.operand == Operand::unknown) return domain.is_empty();
    if (!domain.is_known()) return false;
    if (test.operand == Operand::list) return lists_[test.number()].domains.contains(*domain);
    if (test.operand == Operand::own_domains) return own_domains_[test.number()].contains(*domain);
    const std::string& name = names_[test.number()];
    return test.operand == Operand::below ? domain->ends_with(name) : *domain == name;
  }));
}

Match RuleTests::match_interface(Run run, const Known<std::string_view>& interface) const {
  if (interface.is_awaited()) return Match::unknown;
  return decided(std::ranges::any_of(run, [&](const Test& test) {
    if (test.operand == Operand::unknown) return interface.is_empty();
    if (!interface.is_known()) return false;
    const std::string& name = names_[test.number()];
    return test.operand == Operand::glob ? glob_matches(name, *interface) : name == *interface;
  }));
}

Match RuleTests::match_process(Run run, const Evidence& seen) const {
  const auto field = process_field(static_cast<std::size_t>(run.front().key.high));
  if (seen.awaits(field)) return Match::unknown;
  const Known<const Process*>& process = seen.process;
  return decided(std::ranges::any_of(run, [&](const Test& test) {
    if (test.operand == Operand::unknown) return process.is_empty() || lacks(**process, field);
    if (process.is_empty()) return false;
    const std::string& wanted = names_[test.number()];
    return any_text(**process, field, [&](std::string_view text) {
      return test.operand == Operand::glob ? glob_matches(wanted, text) : wanted == text;
    });
  }));
}

}  // namespace tollgate
