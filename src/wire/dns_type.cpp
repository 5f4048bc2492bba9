// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "tollgate/wire/dns.hpp"

namespace tollgate {
namespace {

using TypeName = std::pair<std::string_view, std::uint16_t>;

// IANA "Domain Name System (DNS) Parameters", RR types: those that somebody asks for.
constexpr std::array<TypeName, 28> kTypes = {{
    {"A", 1},      {"NS", 2},      {"CNAME", 5},  {"SOA", 6},   {"PTR", 12},    {"HINFO", 13},
    {"MX", 15},    {"TXT", 16},    {"RP", 17},    {"AAAA", 28}, {"LOC", 29},    {"SRV", 33},
    {"NAPTR", 35}, {"DNAME", 39},  {"OPT", 41},   {"DS", 43},   {"SSHFP", 44},  {"RRSIG", 46},
    {"NSEC", 47},  {"DNSKEY", 48}, {"NSEC3", 50}, {"TLSA", 52}, {"SMIMEA", 53}, {"OPENPGPKEY", 61},
    {"SVCB", 64},  {"HTTPS", 65},  {"ANY", 255},  {"CAA", 257},
}};
constexpr std::string_view kNumbered = "TYPE";

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

bool same(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, upper, upper); }

}  // namespace

std::string to_string(DnsType type) {
  const auto number = static_cast<std::uint16_t>(type);
  const auto found = std::ranges::find(kTypes, number, &TypeName::second);
  if (found != kTypes.end()) return std::string{found->first};
  return std::string{kNumbered} + std::to_string(number);
}

std::optional<DnsType> parse_dns_type(std::string_view text) {
  for (const auto& [name, number] : kTypes) {
    if (same(name, text)) return DnsType{number};
  }
  if (!same(text.substr(0, kNumbered.size()), kNumbered)) return std::nullopt;
  text.remove_prefix(kNumbered.size());
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return DnsType{number};
}

}  // namespace tollgate
