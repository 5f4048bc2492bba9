// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "first_bytes.hpp"
#include "list_reader.hpp"
#include "probe.hpp"
#include "tollgate/policy/policy.hpp"
#include "tollgate/policy/rule.hpp"

namespace tollgate {

// Every rule as a few tests that lie side by side in memory, so that trying a rule costs a cache
// line or two. Directions are not among them: whoever asks has chosen the rules by direction.
class RuleTests {
 public:
  // `lists` are those that ListId means. They must stay where they are.
  RuleTests(std::span<const Rule> rules, std::span<const PolicyList> lists);

  Match match(std::uint32_t rule, const Probe& probe) const;

 private:
  enum class Field : std::uint8_t {
    protocol,
    port,
    source_port,
    source,
    destination,
    remote,
    scope,
    country,
    asn,
    domain,
    registrable_domain,
    name_source,
    interface,
    user,
    group,
    process,      // and the other fields of a process: key.high says which
    first_bytes,  // key.low, in first_bytes_
    reauthorize,
    query_type,
  };
  enum class Operand : std::uint8_t {
    number,          // key.low
    ports,           // key.high to key.low, any protocol with ports
    protocol_ports,  // key.high to key.low of one protocol
    network4,        // key.low is the first address
    network6,        // key is the first address
    list,            // key.low
    own_list,        // key.low, in own_lists_
    name,            // key.low, in names_
    glob,            // key.low, in names_
    below,           // key.low, in names_: with the dot before it
    own_domains,     // key.low, in own_domains_
    unknown,         // the empty field
  };
  struct Test {
    Field field;
    Operand operand;
    std::uint8_t length = 0;  // of a network
    Protocol protocol = Protocol::tcp;
    std::uint32_t run = 1;  // tests of this field from here on, any of which will do
    WideKey key{};          // as the operand says
    std::size_t number() const { return static_cast<std::size_t>(key.low); }
  };
  using Run = std::span<const Test>;

  void add_rule(const Rule& rule);
  void add_ports(Field field, const std::vector<PortRange>& ports);
  void add_addresses(Field field, const AddressMatch& addresses);
  void add_scopes(const std::vector<Scope>& scopes);
  void add_domains(Field field, const DomainMatch& domains);
  void add_interfaces(const FieldMatch<std::string>& interfaces);
  void add_process(ProcessField field, const FieldMatch<std::string>& texts);
  void add_owners(Field field, const FieldMatch<std::uint32_t>& owners);
  void close_run(std::size_t begin);

  static bool is_told(Field field, const Evidence& seen);
  Match match_field(Run run, const Probe& probe) const;
  bool match_address(Run run, const AddressProbe& address) const;
  Match match_domain(Run run, const Known<std::string_view>& domain) const;
  Match match_interface(Run run, const Known<std::string_view>& interface) const;

  Match match_process(Run run, const Evidence& seen) const;

  std::span<const PolicyList> lists_;
  std::vector<AddressList> own_lists_;  // of rules that name many networks themselves
  std::vector<DomainSet> own_domains_;  // of rules that name many domains themselves
  std::vector<std::string> names_;
  std::vector<FirstBytesTest> first_bytes_;
  std::vector<Test> tests_;
  std::vector<std::uint32_t> begins_;  // of each rule in tests_, and the end of the last
};

}  // namespace tollgate
