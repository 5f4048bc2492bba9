// SPDX-License-Identifier: GPL-2.0-or-later
// The text up to a NUL byte is a policy, what follows a list that it may name (lists/a) and the
// seed of evidence. A policy that loads answers the same way fast and slow.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "../support/memory_sources.hpp"
#include "tollgate/policy/added_rules.hpp"

namespace {

using namespace tollgate;

void require(bool holds) {
  if (!holds) std::abort();
}

// An address that a rule names, or any.
std::array<std::uint8_t, 16> address(const Policy& policy, Family family, std::mt19937& random) {
  std::array<std::uint8_t, 16> bytes{};
  const std::size_t size = family == Family::ipv4 ? 4 : 16;
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(random());
  const auto rules = policy.rules();
  if (rules.empty() || random() % 4 == 0) return bytes;
  const Rule& rule = rules[random() % rules.size()];
  for (const AddressMatch* match : {&rule.destination, &rule.source, &rule.address}) {
    for (const Prefix& prefix : match->prefixes) {
      if (prefix.address.family() == family && random() % 2 == 0) return prefix.address.bytes();
    }
  }
  return bytes;
}

std::uint16_t port(const Policy& policy, std::mt19937& random) {
  const auto rules = policy.rules();
  if (rules.empty() || random() % 4 == 0) return static_cast<std::uint16_t>(random());
  const Rule& rule = rules[random() % rules.size()];
  const auto& ranges = rule.ports.empty() ? rule.source_ports : rule.ports;
  if (ranges.empty()) return 443;
  const PortRange& range = ranges[random() % ranges.size()];
  return random() % 2 == 0 ? range.first : range.last;
}

// A name that a rule speaks of, or one below it.
std::string domain(const Policy& policy, std::mt19937& random) {
  const auto rules = policy.rules();
  if (rules.empty() || random() % 4 == 0) return "x.org";
  const DomainMatch& match = rules[random() % rules.size()].domains;
  if (match.patterns.empty()) return "a.org";
  return (random() % 2 == 0 ? "a." : "") + match.patterns[random() % match.patterns.size()].name;
}

template <class T>
Known<T> known(T value, std::mt19937& random) {
  const auto choice = random() % 4;
  return choice == 0 ? Known<T>{} : choice == 1 ? Known<T>::awaited() : Known<T>{value};
}

// `domain_text` is what the evidence points into.
Evidence evidence(const Policy& policy, std::mt19937& random, std::string& domain_text) {
  constexpr std::array kProtocols{Protocol::tcp, Protocol::udp, Protocol::icmp, Protocol::sctp,
                                  Protocol::gre};
  constexpr std::array<std::string_view, 3> kInterfaces{"eth0", "wg0", "x"};
  Evidence seen;
  seen.tuple.family = random() % 2 == 0 ? Family::ipv4 : Family::ipv6;
  seen.tuple.source = address(policy, seen.tuple.family, random);
  seen.tuple.destination = address(policy, seen.tuple.family, random);
  seen.tuple.protocol = kProtocols[random() % kProtocols.size()];
  seen.tuple.source_port = port(policy, random);
  seen.tuple.destination_port = port(policy, random);
  seen.direction = static_cast<Direction>(random() % 3);
  seen.interface = known(kInterfaces[random() % kInterfaces.size()], random);
  seen.uid = known<std::uint32_t>(random() % 2 == 0 ? 0 : 1000, random);
  seen.gid = known<std::uint32_t>(random() % 2 == 0 ? 0 : 50, random);
  domain_text = domain(policy, random);
  seen.domain = known(std::string_view{domain_text}, random);
  seen.domain_source = static_cast<NameSource>(random() % 3);
  seen.reauthorize = random() % 2 == 0;
  return seen;
}

void check_agreement(const Policy& policy, std::mt19937& random) {
  for (int i = 0; i < 8; ++i) {
    std::string domain_text;
    const Evidence seen = evidence(policy, random, domain_text);
    const FirstMatch fast = policy.match(seen);
    const auto slow = policy.explain(seen);
    const bool decided = !slow.empty() && slow.back().match != Match::no;
    require(fast.match == (decided ? slow.back().match : Match::no));
    require(!decided || fast.rule == slow.back().rule);
  }
}

// A text of added rules is written as it was read, and no policy is wrong with it where it is right by
// itself but for names that are used twice.
void check_added(const std::string& text, MemorySources& sources) {
  const auto added = AddedRules::parse({"added.toml", text});
  if (!added) return require(!added.error().empty());
  const auto again = AddedRules::parse({"added.toml", added->to_text()});
  require(again.ok() && again->to_text() == added->to_text());
  sources.files["none.toml"] = "";
  const auto files = load_policy("none.toml", {true, true, true, true}, sources);
  const auto policy =
      (*files)->with_added({"added.toml", added->to_text()}, {true, true, true, true}, sources);
  require(!policy || (*policy)->rules().size() <= added->all().size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const std::size_t end = text.find('\0');
  MemorySources sources;
  sources.files["policy.toml"] = text.substr(0, end);
  if (end != std::string_view::npos) sources.files["lists/a"] = text.substr(end + 1);
  const bool all = size % 2 == 0;
  check_added(sources.files["policy.toml"], sources);
  const auto policy = load_policy("policy.toml", {all, all, all, all}, sources);
  if (!policy) {
    require(!policy.error().empty());
    for (const Diagnostic& diagnostic : policy.error()) {
      require(diagnostic.line > 0 && diagnostic.column > 0);
      require(!diagnostic.message.empty() && diagnostic.message.find('\n') == std::string::npos);
    }
    return 0;
  }
  std::mt19937 random{static_cast<std::uint32_t>(std::hash<std::string_view>{}(text))};
  check_agreement(**policy, random);
  return 0;
}
