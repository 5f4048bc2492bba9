// SPDX-License-Identifier: GPL-2.0-or-later
#include "field_readers.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <optional>

#include "list_reader.hpp"
#include "tollgate/base/glob.hpp"

namespace tollgate {
namespace {

constexpr std::size_t kLongestInterface = 15;        // IFNAMSIZ - 1, linux/if.h
constexpr std::int64_t kGreatestOwner = 0xfffffffe;  // (uid_t)-1 is nobody's
constexpr std::int64_t kGreatestAsn = 0xffffffff;    // RFC 6793
constexpr std::string_view kPortForms =
    R"(a port from 1 to 65535, like 443, "443", "8000-8999", "tcp/443" or "udp/1000-2000")";

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::optional<PortRange> parse_ports(std::string_view text) {
  PortRange range;
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    range.protocol = parse_protocol(text.substr(0, slash));
    if (!range.protocol) return std::nullopt;
    text.remove_prefix(slash + 1);
  }
  const std::size_t dash = text.find('-');
  const auto first = parse_number<std::uint16_t>(text.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? first : parse_number<std::uint16_t>(text.substr(dash + 1));
  if (!first || !last || *first == 0) return std::nullopt;
  range.first = *first;
  range.last = *last;
  return range;
}

void read_port(const TomlValue& value, std::vector<PortRange>& ports) {
  if (value.is_integer()) {
    if (const auto port = value.integer(1, 65535)) {
      ports.push_back({std::nullopt, static_cast<std::uint16_t>(*port), static_cast<std::uint16_t>(*port)});
    }
    return;
  }
  const auto range = value.is_string() ? parse_ports(value.string_value()) : std::nullopt;
  if (!range) return value.wrong(kPortForms);
  if (range->first > range->last)
    return value.error(value.name() + ": the range " + in_quotes(value.string_value()) +
                       " ends before it begins");
  if (range->protocol && !has_ports(*range->protocol)) {
    return value.error(value.name() + ": protocol " + to_string(*range->protocol) + " has no ports");
  }
  ports.push_back(*range);
}

void read_address(const TomlValue& value, const ListNames& lists, AddressMatch& addresses) {
  const auto text = value.string();
  if (!text) return;
  if (text->front() != '@') {
    const auto networks = parse_addresses(*text);
    if (!networks) return value.error(value.name() + ": " + why_not_a_prefix(*text));
    addresses.prefixes.insert(addresses.prefixes.end(), networks->begin(), networks->end());
    return;
  }
  if (const NamedList* list = find_list(value, *text, lists, false)) addresses.lists.push_back(list->id);
}

void read_interface(const TomlValue& value, FieldMatch<std::string>& interfaces) {
  const auto text = value.string();
  if (!text) return;
  if (*text == kUnknown) {
    interfaces.unknown = true;
    return;
  }
  const bool too_long = !is_glob(*text) && text->size() > kLongestInterface;
  const bool bad_byte = std::ranges::any_of(
      *text, [](char c) { return c == '/' || static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
  if (too_long || bad_byte) {
    return value.wrong("the name of an interface (at most 15 bytes, no blanks, no /) or a pattern of one");
  }
  interfaces.values.emplace_back(*text);
}

char small_letter(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_sha256(std::string_view text) {
  constexpr std::size_t kDigits = 64;
  return text.size() == kDigits && text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

// What the text can never be, whatever runs: then the rule would never match, which nobody means.
std::optional<std::string_view> impossible(std::string_view text, ProcessField field) {
  const bool path = text.front() == '/' || text.front() == '*' || text.front() == '?';
  const bool dotted = is_glob(text) || text.find('.') != std::string_view::npos;
  switch (field) {
    case ProcessField::process:
      if (!path && text != kKernelPath) return R"(a path from / on, a pattern of one, "kernel" or "unknown")";
      break;
    case ProcessField::parent:
    case ProcessField::cgroup:
      if (!path) return R"(a path from / on, a pattern of one, or "unknown")";
      break;
    case ProcessField::unit:
      if (!dotted)
        return R"(a unit's name with its type, like "nginx.service", a pattern of one, or "unknown")";
      break;
    case ProcessField::slice:
      if (!dotted) return R"(a slice's name, like "system.slice", a pattern of one, or "unknown")";
      break;
    case ProcessField::sha256:
      if (!is_sha256(text)) return R"(the SHA-256 of a program, 64 hexadecimal digits, or "unknown")";
      break;
    case ProcessField::command:
    case ProcessField::script:
    case ProcessField::session:
    case ProcessField::container:
    case ProcessField::app:
    case ProcessField::count_:
      break;
  }
  return std::nullopt;
}

void read_text(const TomlValue& value, ProcessField field, FieldMatch<std::string>& texts) {
  const auto text = value.string();
  if (!text) return;
  if (*text == kUnknown) {
    texts.unknown = true;
    return;
  }
  if (const auto wanted = impossible(*text, field)) return value.wrong(*wanted);
  texts.values.emplace_back(*text);
  if (field != ProcessField::sha256) return;
  for (char& digit : texts.values.back()) digit = small_letter(digit);
}

using FindOwner = std::function<std::optional<std::uint32_t>(const std::string&)>;

FieldMatch<std::uint32_t> read_owners(const TomlValue& values, const char* kind, const FindOwner& find) {
  FieldMatch<std::uint32_t> owners;
  for (const TomlValue& value : values.each()) {
    if (value.is_integer()) {
      if (const auto id = value.integer(0, kGreatestOwner))
        owners.values.push_back(static_cast<std::uint32_t>(*id));
      continue;
    }
    if (!value.is_string()) {
      value.wrong("a name or an id");
      continue;
    }
    const auto text = value.string();
    if (!text) continue;
    if (*text == kUnknown) {
      owners.unknown = true;
      continue;
    }
    const bool numeric = text->find_first_not_of("0123456789") == std::string_view::npos;
    const auto id = numeric ? parse_number<std::uint32_t>(*text) : find(std::string{*text});
    if (!id || *id > kGreatestOwner) {
      value.error("there is no " + std::string{kind} + ' ' + in_quotes(*text) + " here");
      continue;
    }
    owners.values.push_back(*id);
  }
  return owners;
}

}  // namespace

const NamedList* find_list(const TomlValue& value, std::string_view text, const ListNames& lists,
                           bool domains) {
  const std::string_view wanted = text.substr(1);
  const auto list = lists.find(wanted);
  if (list == lists.end()) {
    std::vector<std::string_view> names;
    for (const auto& [name, known] : lists) names.push_back(name);
    value.error(value.name() + ": there is no list " + in_quotes(wanted) + suggestion(wanted, names));
    return nullptr;
  }
  const NamedList& found = list->second;
  // What could not be read has been reported.
  if ((domains ? found.of_domains : found.of_addresses) || !found.complete) return &found;
  value.error(value.name() + ": list." + std::string{wanted} + " has no " +
              (domains ? "domains" : "addresses"));
  return nullptr;
}

DirectionSet read_directions(const TomlValue& values) {
  DirectionSet directions;
  for (const TomlValue& value : values.each()) {
    const auto direction = value.word({Direction::outbound, Direction::inbound, Direction::forward});
    if (direction) directions.add(*direction);
  }
  return directions;
}

std::vector<Scope> read_scopes(const TomlValue& values) {
  std::vector<Scope> scopes;
  for (const TomlValue& value : values.each()) {
    const auto scope = value.word({Scope::host, Scope::lan, Scope::internet, Scope::multicast});
    if (scope) scopes.push_back(*scope);
  }
  return scopes;
}

FieldMatch<Country> read_countries(const TomlValue& values) {
  FieldMatch<Country> countries;
  for (const TomlValue& value : values.each()) {
    if (value.is_string() && value.string_value() == kUnknown) {
      countries.unknown = true;
      continue;
    }
    const auto country = value.is_string() ? Country::parse(value.string_value()) : std::nullopt;
    if (country) {
      countries.values.push_back(*country);
    } else {
      value.wrong(R"(the two letters of a country, like "DE", or "unknown")");
    }
  }
  return countries;
}

FieldMatch<std::uint32_t> read_asns(const TomlValue& values) {
  FieldMatch<std::uint32_t> asns;
  for (const TomlValue& value : values.each()) {
    if (value.is_integer()) {
      if (const auto number = value.integer(1, kGreatestAsn))
        asns.values.push_back(static_cast<std::uint32_t>(*number));
      continue;
    }
    const std::string_view text = value.is_string() ? value.string_value() : std::string_view{};
    if (text == kUnknown) {
      asns.unknown = true;
      continue;
    }
    const auto number = text.starts_with("AS") ? parse_number<std::uint32_t>(text.substr(2)) : std::nullopt;
    if (number && *number > 0) {
      asns.values.push_back(*number);
    } else {
      value.wrong(R"(the number of an autonomous system, like 64500 or "AS64500", or "unknown")");
    }
  }
  return asns;
}

std::vector<Protocol> read_protocols(const TomlValue& values) {
  constexpr std::array<std::string_view, 11> kNames = {"tcp",  "udp", "icmp", "icmpv6", "igmp",   "sctp",
                                                       "dccp", "gre", "esp",  "ah",     "udplite"};
  std::vector<Protocol> protocols;
  for (const TomlValue& value : values.each()) {
    if (value.is_integer()) {
      if (const auto number = value.integer(0, 255)) protocols.push_back(static_cast<Protocol>(*number));
      continue;
    }
    const auto protocol = value.is_string() ? parse_protocol(value.string_value()) : std::nullopt;
    if (protocol) {
      protocols.push_back(*protocol);
    } else if (value.is_string()) {
      value.error(value.name() + ": there is no protocol " + in_quotes(value.string_value()) +
                  suggestion(value.string_value(), kNames));
    } else {
      value.wrong("a protocol's name or number");
    }
  }
  return protocols;
}

std::vector<PortRange> read_ports(const TomlValue& values) {
  std::vector<PortRange> ports;
  for (const TomlValue& value : values.each()) read_port(value, ports);
  return ports;
}

AddressMatch read_addresses(const TomlValue& values, const ListNames& lists) {
  AddressMatch addresses;
  for (const TomlValue& value : values.each()) read_address(value, lists, addresses);
  return addresses;
}

FieldMatch<std::string> read_interfaces(const TomlValue& values) {
  FieldMatch<std::string> interfaces;
  for (const TomlValue& value : values.each()) read_interface(value, interfaces);
  return interfaces;
}

FieldMatch<std::string> read_texts(const TomlValue& values, ProcessField field) {
  FieldMatch<std::string> texts;
  for (const TomlValue& value : values.each()) read_text(value, field, texts);
  return texts;
}

FieldMatch<std::uint32_t> read_users(const TomlValue& values, PolicySources& sources) {
  return read_owners(values, "user", [&](const std::string& name) { return sources.user_id(name); });
}

FieldMatch<std::uint32_t> read_groups(const TomlValue& values, PolicySources& sources) {
  return read_owners(values, "group", [&](const std::string& name) { return sources.group_id(name); });
}

}  // namespace tollgate
