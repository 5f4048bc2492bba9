// SPDX-License-Identifier: GPL-2.0-or-later
#include "rule_reader.hpp"

#include <algorithm>
#include <array>

#include "domain_readers.hpp"
#include "field_readers.hpp"
#include "first_bytes.hpp"

namespace tollgate {
namespace {

constexpr std::size_t kLongestName = 200;

constexpr std::string_view kAsk = "ask";
constexpr std::string_view kAnyPeer = "any";

void check_name(const TomlValue& value, std::string_view name) {
  const bool control =
      std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
  if (control || name.size() > kLongestName) value.error("rule.name must be one line of at most 200 bytes");
}

std::string read_name(TomlTable& table) {
  if (const auto value = table.take("name")) {
    const auto name = value->string();
    if (!name) return {};
    check_name(*value, *name);
    return std::string{*name};
  }
  const std::string& file = table.found().file();
  return file.substr(file.rfind('/') + 1) + ':' + std::to_string(table.place().line);
}

DirectionSet all_directions() {
  DirectionSet directions;
  directions.add(Direction::outbound);
  directions.add(Direction::inbound);
  directions.add(Direction::forward);
  return directions;
}

void check_directions(const TomlValue& value, const DirectionSet& directions,
                      const PolicyFeatures& features) {
  const bool forward_only = directions.contains(Direction::forward) &&
                            !directions.contains(Direction::outbound) &&
                            !directions.contains(Direction::inbound);
  if (forward_only && !features.forward) {
    value.error("a rule for forwarded flows needs forward = true in tollgate.toml");
  }
}

void check_ports(const TomlValue& value, const std::vector<PortRange>& ports,
                 const std::vector<Protocol>& protocols) {
  if (protocols.empty()) return;
  for (const Protocol protocol : protocols) {
    if (!has_ports(protocol)) value.error("protocol " + to_string(protocol) + " has no ports");
  }
  for (const PortRange& range : ports) {
    if (!range.protocol || std::ranges::find(protocols, *range.protocol) != protocols.end()) continue;
    value.error(value.name() + " is of protocol " + to_string(*range.protocol) +
                ", which rule.protocol leaves out: this can never match");
  }
}

// The families that an end can be of.
struct Families {
  bool ipv4 = false;
  bool ipv6 = false;
};

Families families_of(const AddressMatch& addresses, const ListNames& lists) {
  if (addresses.any()) return {true, true};
  Families families;
  for (const Prefix& prefix : addresses.prefixes) {
    (prefix.address.family() == Family::ipv4 ? families.ipv4 : families.ipv6) = true;
  }
  for (const auto& [name, list] : lists) {
    if (std::ranges::find(addresses.lists, list.id) == addresses.lists.end()) continue;
    // An empty list is no contradiction: what fills it may have had nothing to say today.
    const bool open = !list.complete || (!list.has4 && !list.has6);
    families.ipv4 = families.ipv4 || list.has4 || open;
    families.ipv6 = families.ipv6 || list.has6 || open;
  }
  return families;
}

class RuleReader {
 public:
  RuleReader(TomlTable table, const RuleContext& context)
      : table_{std::move(table)}, context_{context}, features_{context.features} {}

  Rule read() {
    const std::size_t errors_before = table_.found().size();
    rule_.file = table_.found().file();
    rule_.line = table_.place().line;
    rule_.name = read_name(table_);
    read_fields();
    read_rule_verdict();
    table_.refuse_rest();
    // What contradicts itself is looked for only in what could be read.
    if (table_.found().size() == errors_before) check_contradictions();
    return std::move(rule_);
  }

 private:
  void read_fields() {
    const auto directions = table_.take("direction");
    rule_.directions = directions ? read_directions(*directions) : all_directions();
    if (directions) check_directions(*directions, rule_.directions, features_);
    if (const auto value = table_.take("protocol")) rule_.protocols = read_protocols(*value);
    if (const auto value = table_.take("port")) rule_.ports = read_ports(*value);
    if (const auto value = table_.take("source_port")) rule_.source_ports = read_ports(*value);
    if (const auto value = table_.take("source")) rule_.source = read_addresses(*value, context_.lists);
    if (const auto value = table_.take("destination"))
      rule_.destination = read_addresses(*value, context_.lists);
    if (const auto value = table_.take("address")) rule_.address = read_addresses(*value, context_.lists);
    if (const auto value = table_.take("scope")) rule_.scopes = read_scopes(*value);
    if (const auto value = table_.take("country")) {
      rule_.countries = read_countries(*value);
      if (!context_.countries) value->error("rule.country needs a database: [places] country");
    }
    if (const auto value = table_.take("asn")) {
      rule_.asns = read_asns(*value);
      if (!context_.asns) value->error("rule.asn needs a database: [places] asn");
    }
    read_names();
    if (const auto value = table_.take("interface")) rule_.interfaces = read_interfaces(*value);
    if (const auto value = table_.take("user")) rule_.users = read_users(*value, context_.sources);
    if (const auto value = table_.take("group")) rule_.groups = read_groups(*value, context_.sources);
    for (std::size_t i = 0; i < kProcessFields; ++i)
      read_who(table_, to_string(process_field(i)), process_field(i));
    rule_.first_bytes = read_first_bytes(table_);
    if (const auto value = table_.take("reauthorize")) rule_.reauthorize = value->boolean();
    if (const auto value = table_.take("expires")) rule_.expires = value->time();
    if (const auto value = table_.take("peers")) {
      rule_.any_peer = value->is_string() && value->string_value() == kAnyPeer;
      if (!rule_.any_peer) value->wrong("\"any\"");
    }
    read_stage();
    const bool communication = rule_.protocols.empty() && rule_.ports.empty() && rule_.source_ports.empty() &&
                               rule_.source.any() && rule_.interfaces.any();
    rule_.stage = communication ? Stage::communication : Stage::link;
    if (!rule_.first_bytes.any()) rule_.stage = Stage::inspection;
    if (rule_.for_names()) rule_.stage = *rule_.pinned;
  }

  void read_stage() {
    if (const auto value = table_.take("query_type")) {
      rule_.query_types = read_query_types(*value);
      rule_.pinned = Stage::before_resolving;
    }
    const auto value = table_.take("stage");
    if (!value) return;
    rule_.pinned = value->word({Stage::before_resolving, Stage::after_resolving, Stage::link});
    if (rule_.pinned == Stage::link && !rule_.query_types.empty())
      value->error("rule.query_type is of questions, and the stage link of flows");
  }

  void read_names() {
    if (const auto value = table_.take("domain")) rule_.domains = read_domains(*value, context_.lists);
    if (const auto value = table_.take("registrable_domain"))
      rule_.registrable_domains = read_registrable_domains(*value, context_);
    if (const auto value = table_.take("name_source")) rule_.name_sources = read_name_sources(*value);
  }

  void read_who(TomlTable& table, std::string_view key, ProcessField field) {
    const auto value = table.take(key);
    if (!value) return;
    if (field == ProcessField::process && value->is_table()) return read_program(*value->table());
    FieldMatch<std::string>& texts = rule_.who[index_of(field)];
    if (!texts.any()) value->error(value->name() + " is there twice");
    texts = read_texts(*value, field);
  }

  // process.path and process.sha256: a key of TOML is either a value or has keys of its own.
  void read_program(TomlTable program) {
    if (program.empty()) program.error("rule.process needs path, sha256 or both");
    read_who(program, "path", ProcessField::process);
    read_who(program, "sha256", ProcessField::sha256);
    program.refuse_rest();
  }

  void read_rule_verdict() {
    const auto value = table_.take("verdict");
    if (!value) return table_.error("the rule has no verdict");
    rule_.verdict = read_verdict(*value, features_).value_or(Verdict::accept);
    check_reroute(*value, rule_.verdict, rule_.directions, features_);
  }

  void check_contradictions() {
    if (const auto value = table_.take("port")) check_ports(*value, rule_.ports, rule_.protocols);
    if (const auto value = table_.take("source_port"))
      check_ports(*value, rule_.source_ports, rule_.protocols);
    check_port_protocols();
    check_families();
    if (is_reroute(rule_.verdict)) check_reroute_protocols();
    if (rule_.any_peer) check_any_peer();
    if (!rule_.first_bytes.any()) check_first_bytes();
    if (rule_.for_names()) check_question();
  }

  // A question for a name knows less than a flow, and has other things done to it.
  void check_question() {
    const std::string stage{to_string(*rule_.pinned)};
    if (!features_.questions)
      table_.error("a rule for questions needs [nameserver] enabled = true in tollgate.toml");
    if (!rule_.directions.contains(Direction::outbound))
      table_.take("direction")->error("questions for names are outbound");
    if (is_reroute(rule_.verdict)) table_.take("verdict")->error("a question for a name cannot be rerouted");
    const auto refuse = [&](const char* key, bool given) {
      if (given) table_.take(key)->error("rule." + std::string{key} + " is not known " + stage);
    };
    const bool before = *rule_.pinned == Stage::before_resolving;
    refuse("protocol", !rule_.protocols.empty());
    refuse("port", !rule_.ports.empty());
    refuse("source_port", !rule_.source_ports.empty());
    refuse("source", !rule_.source.any());
    refuse("interface", !rule_.interfaces.any());
    refuse("name_source", !rule_.name_sources.any());
    refuse("reauthorize", rule_.reauthorize.has_value());
    refuse("peers", rule_.any_peer);
    for (const char* key : {"sni", "alpn", "protocol_seen", "encrypted", "name_mismatch"})
      refuse(key, table_.take(key).has_value());
    refuse("destination", before && !rule_.destination.any());
    refuse("address", before && !rule_.address.any());
    refuse("scope", before && !rule_.scopes.empty());
    refuse("country", before && !rule_.countries.any());
    refuse("asn", before && !rule_.asns.any());
  }

  // The kernel lets everybody talk to the socket from then on: a rule that speaks of one peer would not
  // get what it seems to.
  void check_any_peer() {
    const TomlValue peers = *table_.take("peers");
    const bool out = rule_.directions.contains(Direction::outbound);
    const bool in = rule_.directions.contains(Direction::inbound);
    if (rule_.directions.contains(Direction::forward)) {
      return peers.error(
          "rule.peers is for sockets of this machine: direction must be outbound, inbound or both");
    }
    if (rule_.verdict != Verdict::permanent_accept) {
      return peers.error("rule.peers needs the verdict permanent-accept");
    }
    const auto refuse = [&](const char* key, bool given) {
      if (given)
        table_.take(key)->error("rule." + std::string{key} + " speaks of the peer, and rule.peers of any");
    };
    refuse("address", !rule_.address.any());
    refuse("scope", !rule_.scopes.empty());
    refuse("country", !rule_.countries.any());
    refuse("asn", !rule_.asns.any());
    refuse("domain", !rule_.domains.any());
    refuse("registrable_domain", !rule_.registrable_domains.any());
    refuse("name_source", !rule_.name_sources.any());
    refuse("destination", out && !rule_.destination.any());
    refuse("port", out && !rule_.ports.empty());
    refuse("source", in && !rule_.source.any());
    refuse("source_port", in && !rule_.source_ports.empty());
    for (const Protocol protocol : rule_.protocols) {
      if (!has_ports(protocol))
        table_.take("protocol")
            ->error("protocol " + to_string(protocol) + " has no ports, and rule.peers needs one");
      if (protocol == Protocol::tcp && !in)
        table_.take("protocol")
            ->error("a tcp socket that connects has one peer: rule.peers is for inbound then");
    }
  }

  // They come when the connection is there: what had to be decided before it cannot be any more.
  void check_first_bytes() {
    for (const char* key : {"sni", "alpn", "protocol_seen", "encrypted", "name_mismatch"}) {
      const auto value = table_.take(key);
      if (!value) continue;
      const std::string field = "rule." + std::string{key};
      if (is_reroute(rule_.verdict))
        value->error(field + " is known when the connection is there, too late to reroute it");
      if (rule_.any_peer)
        value->error(field + " is asked of every flow, and rule.peers lets the kernel pass them unasked");
      const auto carries = [](Protocol protocol) {
        return protocol == Protocol::tcp || protocol == Protocol::udp;
      };
      if (!rule_.protocols.empty() && std::ranges::none_of(rule_.protocols, carries))
        value->error(field + " is known of tcp and udp only: this can never match");
      return;
    }
  }

  // Ports of two different protocols on the two ends.
  void check_port_protocols() {
    if (rule_.ports.empty() || rule_.source_ports.empty()) return;
    const auto meets = [](const PortRange& a, const PortRange& b) {
      return !a.protocol || !b.protocol || *a.protocol == *b.protocol;
    };
    for (const PortRange& port : rule_.ports) {
      if (std::ranges::any_of(rule_.source_ports, [&](const PortRange& other) { return meets(port, other); }))
        return;
    }
    table_.take("port")->error(
        "rule.port and rule.source_port are of different protocols: this can never match");
  }

  void check_families() {
    Families left{true, true};
    for (const auto& [key, addresses] :
         {std::pair{"source", &rule_.source}, std::pair{"destination", &rule_.destination},
          std::pair{"address", &rule_.address}}) {
      const Families families = families_of(*addresses, context_.lists);
      left = {left.ipv4 && families.ipv4, left.ipv6 && families.ipv6};
      if (left.ipv4 || left.ipv6) continue;
      table_.take(key)->error("rule." + std::string{key} +
                              " is of another address family than the other end: this can never match");
      return;
    }
  }

  void check_reroute_protocols() {
    const auto carried = [](Protocol protocol) {
      return protocol == Protocol::tcp || protocol == Protocol::udp;
    };
    for (const Protocol protocol : rule_.protocols) {
      if (!carried(protocol))
        table_.take("protocol")->error("only tcp and udp can be rerouted, not " + to_string(protocol));
    }
    for (const char* key : {"port", "source_port"}) {
      const auto& ports = std::string_view{key} == "port" ? rule_.ports : rule_.source_ports;
      for (const PortRange& range : ports) {
        if (!range.protocol || carried(*range.protocol)) continue;
        table_.take(key)->error("only tcp and udp can be rerouted, not " + to_string(*range.protocol));
      }
    }
  }

  TomlTable table_;
  const RuleContext& context_;
  const PolicyFeatures& features_;
  Rule rule_;
};

std::vector<std::string_view> verdict_words() {
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < kVerdictCount; ++i) words.push_back(to_string(static_cast<Verdict>(i)));
  return words;
}

}  // namespace

std::optional<Verdict> read_verdict(const TomlValue& value, const PolicyFeatures& features) {
  const auto verdict = value.is_string() ? parse_verdict(value.string_value()) : std::nullopt;
  if (!verdict) {
    if (value.is_string() && value.string_value() == kAsk) {
      value.error("the verdict \"ask\" is not in this version of tollgate yet");
    } else {
      value.wrong_word(verdict_words());
    }
    return std::nullopt;
  }
  if (*verdict == Verdict::reroute_nameserver && !features.nameserver) {
    value.error("reroute-nameserver needs [nameserver] in tollgate.toml");
  }
  if (*verdict == Verdict::reroute_tunnel && !features.tunnel) {
    value.error("reroute-tunnel needs [tunnel] in tollgate.toml");
  }
  return verdict;
}

void check_reroute(const TomlValue& verdict_value, Verdict verdict, const DirectionSet& directions,
                   const PolicyFeatures& features) {
  const bool arriving = directions.contains(Direction::inbound) || directions.contains(Direction::forward);
  if (!is_reroute(verdict) || !arriving || features.reroute_arriving) return;
  verdict_value.error(std::string{to_string(verdict)} +
                      " of flows that are not outbound needs reroute_arriving = true in tollgate.toml");
}

Rule read_rule(TomlTable table, const RuleContext& context) {
  return RuleReader{std::move(table), context}.read();
}

}  // namespace tollgate
