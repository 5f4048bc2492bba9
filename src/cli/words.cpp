// SPDX-License-Identifier: GPL-2.0-or-later
#include "words.hpp"

#include <idn2.h>

#include <charconv>
#include <limits>
#include <map>
#include <memory>

#include "failure.hpp"
#include "linux/system_sources.hpp"
#include "table.hpp"
#include "tollgate/names/domain.hpp"

namespace tollgate::cli {

namespace {

template <class Number>
std::optional<Number> whole_number(const std::string& text) {
  Number number = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || at != end || text.empty()) return std::nullopt;
  return number;
}

}  // namespace

std::uint16_t port_number(const std::string& option, const std::string& text) {
  const std::optional<std::uint16_t> number = whole_number<std::uint16_t>(text);
  if (!number) throw Failure{Exit::usage, option + ": \"" + text + "\" is not a number from 0 to 65535"};
  return *number;
}

std::string domain_name(const std::string& option, const std::string& text) {
  if (auto domain = canonical_domain(text)) return *std::move(domain);
  throw Failure{Exit::usage, option + ": \"" + text + "\" is not a domain"};
}

std::uint32_t pid_number(const std::string& text) {
  if (const auto number = whole_number<std::uint32_t>(text)) return *number;
  throw Failure{Exit::usage, "--pid: \"" + text + "\" is not a number"};
}

std::uint32_t user_number(const std::string& text) {
  if (const auto number = whole_number<std::uint32_t>(text)) return *number;
  if (const auto number = SystemSources{}.user_id(text)) return *number;
  throw Failure{Exit::usage, "--user: there is no user \"" + text + "\""};
}

std::uint64_t seconds(const std::string& option, const std::string& text) {
  const std::map<char, std::uint64_t> units{{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
  std::uint64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  const bool one_unit = error == std::errc{} && rest + 1 == end && units.contains(*rest);
  if (!one_unit || count == 0 || count > 315'360'000)
    throw Failure{Exit::usage, option + ": \"" + text + "\" is not a time like 90s, 10m, 1h or 7d"};
  return count * units.at(*rest);
}

std::uint32_t group_number(const std::string& text) {
  if (const auto number = whole_number<std::uint32_t>(text)) return *number;
  if (const auto number = SystemSources{}.group_id(text)) return *number;
  throw Failure{Exit::usage, "--group: there is no group \"" + text + "\""};
}

void refuse(Page& page, const Diagnostics& diagnostics, const std::string& what) {
  for (const Diagnostic& diagnostic : diagnostics) page.err << harmless(diagnostic.to_string()) << '\n';
  throw Failure{Exit::refused, what + " has " + std::to_string(diagnostics.size()) +
                                   (diagnostics.size() == 1 ? " error" : " errors")};
}

Config config_or_refuse(Page& page, const std::string& path) {
  Result<Config, Diagnostics> config = load_config(path);
  if (!config) refuse(page, config.error(), "the configuration (--config names another one)");
  return *config;
}

PolicyPointer policy_or_refuse(Page& page, const std::string& path, const PolicyFeatures& features) {
  SystemSources sources;
  Result<PolicyPointer, Diagnostics> policy = load_policy(path, features, sources);
  if (!policy) refuse(page, policy.error(), "the policy");
  return *policy;
}

PolicyFeatures all_features() {
  PolicyFeatures features;
  features.reroute_arriving = features.forward = features.nameserver = features.tunnel = features.questions =
      true;
  return features;
}

std::string readable_domain(const std::string& domain) {
  const auto converted = [](int result, char* text) {
    const std::unique_ptr<char, decltype(&idn2_free)> owned{result == IDN2_OK ? text : nullptr, &idn2_free};
    return owned ? std::string{owned.get()} : std::string{};
  };
  char* text = nullptr;
  const int shown = idn2_to_unicode_8z8z(domain.c_str(), &text, 0);
  const std::string readable = converted(shown, text);
  const int back =
      idn2_to_ascii_8z(readable.c_str(), &text, IDN2_NONTRANSITIONAL | IDN2_USE_STD3_ASCII_RULES);
  return converted(back, text) == domain ? readable : domain;
}

}  // namespace tollgate::cli
