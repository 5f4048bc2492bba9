// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain_readers.hpp"

#include <optional>
#include <string>
#include <vector>

#include "field_readers.hpp"
#include "tollgate/wire/dns.hpp"

namespace tollgate {
namespace {

constexpr std::string_view kDomainForms =
    R"(a domain, like "example.org", what is below one, like "*.example.org", a list, like "@ads", or "unknown")";
constexpr std::string_view kRegistrableForms =
    R"(a domain that somebody registered, like "example.org", a list, like "@ads", or "unknown")";

// What both fields have in common. nullopt: it was neither a pattern nor wrong.
std::optional<DomainPattern> read_domain(const TomlValue& value, const ListNames& lists,
                                         std::string_view forms, DomainMatch& match) {
  const auto text = value.string();
  if (!text) return {};
  if (*text == kUnknown) {
    match.unknown = true;
    return {};
  }
  if (text->front() == '@') {
    if (const NamedList* list = find_list(value, *text, lists, true)) match.lists.push_back(list->id);
    return {};
  }
  auto pattern = DomainPattern::parse(*text);
  if (!pattern) value.wrong(forms);
  return pattern;
}

// Why no flow can have it; nullopt: some can.
std::optional<std::string> never_registered(const DomainPattern& pattern, const SuffixList& suffixes) {
  const std::string_view registrable = suffixes.registrable(pattern.name);
  if (registrable.empty()) return "nobody can register " + in_quotes(pattern.name);
  if (registrable == pattern.name) return {};
  return in_quotes(pattern.name) + " is below what was registered: " + in_quotes(registrable);
}

}  // namespace

DomainMatch read_domains(const TomlValue& values, const ListNames& lists) {
  DomainMatch match;
  for (const TomlValue& value : values.each()) {
    if (auto pattern = read_domain(value, lists, kDomainForms, match))
      match.patterns.push_back(std::move(*pattern));
  }
  return match;
}

DomainMatch read_registrable_domains(const TomlValue& values, const RuleContext& context) {
  DomainMatch match;
  if (context.suffixes == nullptr) {
    auto suffixes = context.sources.suffixes();
    if (!suffixes) {
      values.error("rule.registrable_domain needs the public suffix list: " + suffixes.error().message);
      return match;
    }
    context.suffixes = std::move(*suffixes);
  }
  for (const TomlValue& value : values.each()) {
    auto pattern = read_domain(value, context.lists, kRegistrableForms, match);
    if (!pattern) continue;
    if (!pattern->exact) {
      value.wrong(kRegistrableForms);
    } else if (const auto why = never_registered(*pattern, *context.suffixes)) {
      value.error(value.name() + ": " + *why);
    } else {
      match.patterns.push_back(std::move(*pattern));
    }
  }
  return match;
}

std::vector<std::uint16_t> read_query_types(const TomlValue& values) {
  std::vector<std::uint16_t> types;
  for (const TomlValue& value : values.each()) {
    std::optional<DnsType> type;
    if (value.is_string()) {
      type = parse_dns_type(value.string_value());
    } else if (value.is_integer() && value.integer_value() > 0 && value.integer_value() <= 0xffff) {
      type = DnsType{static_cast<std::uint16_t>(value.integer_value())};
    }
    if (type) {
      types.push_back(static_cast<std::uint16_t>(*type));
    } else {
      value.wrong("a type of DNS records, like \"A\", \"AAAA\", \"HTTPS\" or a number from 1 to 65535");
    }
  }
  return types;
}

FieldMatch<NameSource> read_name_sources(const TomlValue& values) {
  std::vector<std::string_view> words;
  for (std::uint8_t i = 0; i < static_cast<std::uint8_t>(NameSource::count_); ++i)
    words.push_back(to_string(NameSource{i}));
  words.push_back(kUnknown);
  FieldMatch<NameSource> sources;
  for (const TomlValue& value : values.each()) {
    const std::string_view text = value.is_string() ? value.string_value() : std::string_view{};
    if (const auto source = parse_name_source(text)) {
      sources.values.push_back(*source);
    } else if (text == kUnknown) {
      sources.unknown = true;
    } else {
      value.wrong_word(words);
    }
  }
  return sources;
}

}  // namespace tollgate
