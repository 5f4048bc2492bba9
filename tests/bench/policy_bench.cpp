// SPDX-License-Identifier: GPL-2.0-or-later
// What a decision costs among 10, 1,000 and 10,000 rules, and a lookup in a list of a million networks or
// names. The policies are loaded as text, as in the daemon.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "../../src/policy/address_list.hpp"
#include "../../src/policy/domain_list_reader.hpp"
#include "../support/memory_sources.hpp"

namespace tollgate {
namespace {

// What the rules are told apart by.
enum class Shape { addresses, networks, ipv6_networks, ports, users, interfaces, domains, mixed };

std::string ipv4_text(std::uint32_t key) {
  return std::to_string(key >> 24) + '.' + std::to_string(key >> 16 & 255) + '.' +
         std::to_string(key >> 8 & 255) + '.' + std::to_string(key & 255);
}

// Hosts of 10/8, spread out.
std::uint32_t host(std::uint32_t number) { return 0x0a000000 | (number * 2654435761U & 0x00ffffff); }

std::string domain_of(std::uint32_t number) { return "host" + std::to_string(number) + ".example.org"; }

// The same for every flow, so that evidence can point to them.
const std::vector<std::string>& flow_domains() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < 10'000; ++i) names.push_back((i % 2 == 0 ? "" : "www.") + domain_of(i));
    return names;
  }();
  return kNames;
}

std::string condition(Shape shape, std::uint32_t number) {
  switch (shape) {
    case Shape::addresses:
      return "destination = \"" + ipv4_text(host(number)) + "\"\nport = 443\n";
    case Shape::networks: {
      const std::uint32_t length = 16 + number % 17;  // /16 to /32
      return "destination = \"" + ipv4_text(host(number) & ~0U << (32 - length)) + '/' +
             std::to_string(length) + "\"\n";
    }
    case Shape::ipv6_networks: {
      const std::uint32_t bits = host(number);
      return "destination = \"" +
             IpAddress::v6({0x20, 1, 0xd, 0xb8, static_cast<std::uint8_t>(bits >> 16),
                            static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits)})
                 .to_string() +
             "/56\"\n";
    }
    case Shape::ports:
      return "port = \"tcp/" + std::to_string(20'000 + number) + "\"\n";
    case Shape::users:
      return "user = " + std::to_string(100'000 + number) + "\nport = [80, 443]\n";
    case Shape::interfaces:
      return "interface = \"veth" + std::to_string(number) + "\"\n";
    case Shape::domains:  // every other one for what is below the name
      return "domain = \"" + std::string{number % 2 == 0 ? "" : "*."} + domain_of(number) + "\"\n";
    case Shape::mixed:
      return condition(static_cast<Shape>(number % 7), number);
  }
  return {};
}

PolicyPointer policy(Shape shape, std::uint32_t rules) {
  std::string text = "[default]\noutbound = \"permanent-block\"\n";
  for (std::uint32_t i = 0; i < rules; ++i) {
    text += "[[rule]]\ndirection = \"outbound\"\nverdict = \"permanent-accept\"\n" + condition(shape, i);
  }
  const auto loaded = load_text(text);
  if (!loaded) std::abort();
  return *loaded;
}

Evidence evidence(Shape shape, std::uint32_t number) {
  Evidence seen;
  seen.tuple.family = shape == Shape::ipv6_networks ? Family::ipv6 : Family::ipv4;
  seen.tuple.source = IpAddress::v4({192, 168, 0, 2}).bytes();
  const std::uint32_t to = host(number);
  seen.tuple.destination = IpAddress::v4({10, static_cast<std::uint8_t>(to >> 16),
                                          static_cast<std::uint8_t>(to >> 8), static_cast<std::uint8_t>(to)})
                               .bytes();
  if (shape == Shape::ipv6_networks) {
    seen.tuple.destination = {0x20,
                              1,
                              0xd,
                              0xb8,
                              static_cast<std::uint8_t>(to >> 16),
                              static_cast<std::uint8_t>(to >> 8),
                              static_cast<std::uint8_t>(to)};
  }
  seen.tuple.source_port = 40'000;
  seen.tuple.destination_port = shape == Shape::ports ? static_cast<std::uint16_t>(20'000 + number) : 443;
  seen.interface = std::string_view{"eth0"};
  if (shape == Shape::interfaces) seen.interface = std::string_view{"veth7"};
  if (shape == Shape::domains) seen.domain = std::string_view{flow_domains()[number]};
  seen.uid = shape == Shape::users ? 100'000 + number : 1000;
  seen.gid = 1000;
  return seen;
}

// Flows that match rules all over the policy, or (`hit` false) none of them.
std::vector<Evidence> flows(Shape shape, std::uint32_t rules, bool hit) {
  constexpr std::size_t kFlows = 4096;
  std::mt19937 random{1};
  std::vector<Evidence> result;
  for (std::size_t i = 0; i < kFlows; ++i) {
    const auto number = static_cast<std::uint32_t>(random() % rules);
    Evidence seen = evidence(shape == Shape::mixed && hit ? static_cast<Shape>(number % 7) : shape, number);
    if (!hit) {  // next to what the rules name, so that the search goes all the way
      seen.tuple.destination[shape == Shape::ipv6_networks ? 6 : 3] ^= 1;
      seen.tuple.destination[0] = static_cast<std::uint8_t>(seen.tuple.destination[0] ^ (number & 1));
      seen.tuple.destination_port = static_cast<std::uint16_t>(8 + number);
      seen.uid = 99'000 - number;
      seen.interface = std::string_view{"wlan0"};
      if (shape == Shape::domains) seen.domain = std::string_view{"www.host.example.org"};
    }
    result.push_back(seen);
  }
  return result;
}

void match_rules(benchmark::State& state, Shape shape, bool hit) {
  const auto rules = static_cast<std::uint32_t>(state.range(0));
  const PolicyPointer compiled = policy(shape, rules);
  const std::vector<Evidence> seen = flows(shape, rules, hit);
  // In the daemon the evidence has just been made and is near. Here only what differs is fetched, or
  // the flows would push the policy out of the cache.
  struct Difference {
    std::array<std::uint8_t, 16> destination;
    std::uint32_t uid;
    std::uint16_t port;
    Family family;
    Known<std::string_view> interface;
    Known<std::string_view> domain;
  };
  std::vector<Difference> differences;
  for (const Evidence& one : seen) {
    differences.push_back({one.tuple.destination, *one.uid, one.tuple.destination_port, one.tuple.family,
                           one.interface, one.domain});
  }
  Evidence now = seen.front();
  std::size_t next = 0, matched = 0;
  for (auto _ : state) {
    now.tuple.destination = differences[next].destination;
    now.tuple.destination_port = differences[next].port;
    now.tuple.family = differences[next].family;
    now.interface = differences[next].interface;
    now.domain = differences[next].domain;
    now.uid = differences[next].uid;
    const FirstMatch first = compiled->match(now);
    matched += first.match == Match::yes ? 1U : 0U;
    benchmark::DoNotOptimize(first);
    next = (next + 1) % seen.size();
  }
  state.counters["matched"] = static_cast<double>(matched) / static_cast<double>(state.iterations());
}

#define TOLLGATE_MATCH(shape)                                                                  \
  BENCHMARK_CAPTURE(match_rules, shape, Shape::shape, true)->Arg(10)->Arg(1'000)->Arg(10'000); \
  BENCHMARK_CAPTURE(match_rules, shape##_no_match, Shape::shape, false)->Arg(10)->Arg(1'000)->Arg(10'000)
TOLLGATE_MATCH(addresses);
TOLLGATE_MATCH(networks);
TOLLGATE_MATCH(ipv6_networks);
TOLLGATE_MATCH(ports);
TOLLGATE_MATCH(users);
TOLLGATE_MATCH(interfaces);
TOLLGATE_MATCH(domains);
TOLLGATE_MATCH(mixed);
#undef TOLLGATE_MATCH

constexpr std::size_t kNetworks = 1'000'000;

Prefix random_network(std::mt19937_64& random, Family family) {
  const std::uint64_t bits = random();
  if (family == Family::ipv4) {
    return {IpAddress::v4({static_cast<std::uint8_t>(bits >> 16), static_cast<std::uint8_t>(bits >> 8),
                           static_cast<std::uint8_t>(bits), static_cast<std::uint8_t>(bits >> 24)}),
            32};
  }
  std::array<std::uint8_t, 16> bytes{0x20, 0x01};
  for (std::size_t i = 2; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(bits >> (8 * i));
  return {IpAddress::v6(bytes), 64};
}

void list_lookup(benchmark::State& state, Family family) {
  std::mt19937_64 random{1};
  std::vector<Prefix> networks;
  for (std::size_t i = 0; i < kNetworks; ++i) networks.push_back(random_network(random, family));
  const AddressList list{networks};
  // Half of what is looked up is in the list.
  std::vector<IpAddress> addresses;
  for (std::size_t i = 0; i < 65'536; ++i) {
    addresses.push_back(i % 2 == 0 ? networks[random() % kNetworks].address
                                   : random_network(random, family).address);
  }
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(list.contains(addresses[next]));
    next = (next + 1) % addresses.size();
  }
  state.counters["bytes_per_network"] = static_cast<double>(list.bytes()) / static_cast<double>(list.size());
}
BENCHMARK_CAPTURE(list_lookup, ipv4_million, Family::ipv4);
BENCHMARK_CAPTURE(list_lookup, ipv6_million, Family::ipv6);

constexpr std::size_t kNames = 1'000'000;

// Like the names of public lists: of two to four labels, 24 bytes on average.
std::string random_name(std::mt19937_64& random) {
  constexpr std::array kTops{"com", "net", "org", "de", "co.uk", "info", "ru", "io"};
  std::string name = kTops[random() % kTops.size()];
  const std::size_t labels = 1 + random() % 3;
  for (std::size_t i = 0; i < labels; ++i) {
    std::string label;
    for (std::size_t length = 6 + random() % 8; length > 0; --length)
      label += static_cast<char>('a' + random() % 26);
    name = label + '.' + name;
  }
  return name;
}

std::vector<std::string> random_names() {
  std::mt19937_64 random{1};
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kNames; ++i) names.push_back(random_name(random));
  return names;
}

DomainSet parsed(const std::string& text) {
  DomainSet::Builder builder;
  FileDiagnostics found{"list"};
  parse_domain_list(text, false, builder, found);
  if (!found.empty()) std::abort();
  return std::move(builder).build();
}

enum class Form { hosts, blocker };

std::string list_text(const std::vector<std::string>& names, Form form) {
  std::string text;
  for (const std::string& name : names)
    text += form == Form::hosts ? "0.0.0.0 " + name + '\n' : "||" + name + "^\n";
  return text;
}

void domain_list_load(benchmark::State& state, Form form) {
  const std::string text = list_text(random_names(), form);
  for (auto _ : state) {
    const DomainSet set = parsed(text);
    state.counters["names"] = static_cast<double>(set.size());
    state.counters["bytes"] = static_cast<double>(set.bytes());
  }
}
BENCHMARK_CAPTURE(domain_list_load, hosts_million, Form::hosts)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(domain_list_load, blocker_million, Form::blocker)->Unit(benchmark::kMillisecond);

// `below`: the names that are asked for lie below those of the list.
void domain_lookup(benchmark::State& state, bool below) {
  const std::vector<std::string> names = random_names();
  const DomainSet set = parsed(list_text(names, Form::blocker));
  std::mt19937_64 random{2};
  // Half of what is looked up is in the list.
  std::vector<std::string> asked;
  for (std::size_t i = 0; i < 65'536; ++i) {
    const std::string name = i % 2 == 0 ? names[random() % kNames] : random_name(random);
    asked.push_back((below ? "www." : "") + name);
  }
  std::size_t next = 0, hits = 0;
  for (auto _ : state) {
    hits += set.contains(asked[next]) ? 1 : 0;
    next = (next + 1) % asked.size();
  }
  state.counters["hits"] = static_cast<double>(hits) / static_cast<double>(state.iterations());
}
BENCHMARK_CAPTURE(domain_lookup, million, false);
BENCHMARK_CAPTURE(domain_lookup, million_below, true);

}  // namespace
}  // namespace tollgate
