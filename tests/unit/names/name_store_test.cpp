// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/names/name_store.hpp"

#include "catch.hpp"

namespace tollgate::test {
namespace {

using namespace std::chrono_literals;

constexpr ProgramKey kCurl{1}, kFirefox{2}, kMachine{};
const IpAddress kOne = *IpAddress::parse("192.0.2.1"), kTwo = *IpAddress::parse("2001:db8::2");
Time at(Duration since) { return Time{1000h + since}; }

NameLimits limits() {
  NameLimits limits;
  limits.min_ttl = 60s;
  limits.max_ttl = 1h;
  return limits;
}

std::string found(const NameStore& names, ProgramKey program, const IpAddress& address, Duration when = 0s) {
  const auto known = names.find(program, address, at(when));
  return known ? std::string{known->name} + (known->own ? " own" : "") : "";
}

TEST_CASE("Names are the program's first, and the machine's second", "[names]") {
  NameStore names{limits(), 7};
  names.learn(kCurl, kOne, "curl.example", NameSource::dns, 300s, at(0s));
  names.learn(kFirefox, kOne, "firefox.example", NameSource::dns, 300s, at(1s));
  CHECK(found(names, kCurl, kOne) == "curl.example own");
  CHECK(found(names, kFirefox, kOne) == "firefox.example own");
  CHECK(found(names, ProgramKey{3}, kOne) == "firefox.example");
  CHECK(found(names, kCurl, kTwo) == "");
  CHECK(names.knows(kCurl, kOne, "firefox.example", at(2s)));
  CHECK_FALSE(names.knows(kCurl, kOne, "other.example", at(2s)));
}

TEST_CASE("The name that was learned last counts", "[names]") {
  NameStore names{limits(), 7};
  names.learn(kMachine, kOne, "a.example", NameSource::dns, 300s, at(0s));
  names.learn(kMachine, kOne, "b.example", NameSource::mdns, 300s, at(1s));
  CHECK(found(names, kMachine, kOne) == "b.example own");
  names.learn(kMachine, kOne, "a.example", NameSource::dns, 300s, at(2s));
  CHECK(found(names, kMachine, kOne) == "a.example own");
  CHECK(names.size() == 2);
  names.learn(kMachine, kOne, "", NameSource::dns, 300s, at(3s));
  CHECK(names.size() == 2);
}

TEST_CASE("Names expire by their TTL, within bounds", "[names]") {
  NameStore names{limits(), 7};
  names.learn(kMachine, kOne, "short.example", NameSource::dns, 0s, at(0s));
  names.learn(kMachine, kTwo, "long.example", NameSource::dns, std::chrono::seconds{0xffffffff}, at(0s));
  CHECK(names.find(kMachine, kTwo, at(0s))->expires == at(1h));
  CHECK(found(names, kMachine, kOne, 59s) == "short.example own");
  CHECK(found(names, kMachine, kOne, 60s) == "");
  CHECK_FALSE(names.knows(kMachine, kOne, "short.example", at(60s)));
  CHECK(found(names, kMachine, kTwo, 1h) == "");
  // An older name that lives longer comes back.
  names.learn(kMachine, kOne, "old.example", NameSource::dns, 600s, at(100s));
  names.learn(kMachine, kOne, "new.example", NameSource::dns, 60s, at(101s));
  CHECK(found(names, kMachine, kOne, 200s) == "old.example own");
}

TEST_CASE("Past its limits the oldest goes", "[names]") {
  NameLimits few = limits();
  few.max_names = 4;
  few.max_names_per_address = 2;
  NameStore names{few, 7};
  for (const char* name : {"a", "b", "c"}) names.learn(kMachine, kOne, name, NameSource::dns, 300s, at(0s));
  CHECK(names.size() == 2);
  CHECK_FALSE(names.knows(kMachine, kOne, "a", at(1s)));
  const auto other = [](unsigned n) { return IpAddress::v4({10, 0, 0, static_cast<std::uint8_t>(n)}); };
  for (unsigned i = 0; i < 3; ++i) names.learn(kMachine, other(i), "x", NameSource::dns, 300s, at(0s));
  CHECK(found(names, kMachine, kOne) == "");  // both its names
  CHECK(names.size() == 3);
  CHECK(names.evicted() == 3);
  names.learn(kMachine, other(0), "x", NameSource::dns, 300s, at(1s));  // now the newest
  for (unsigned i = 3; i < 6; ++i) names.learn(kMachine, other(i), "x", NameSource::dns, 300s, at(2s));
  CHECK(found(names, kMachine, other(0)) == "x own");
  CHECK(found(names, kMachine, other(1)) == "");
  CHECK(names.size() == 4);
}

TEST_CASE("Words of name sources", "[names]") {
  for (std::uint8_t i = 0; i < static_cast<std::uint8_t>(NameSource::count_); ++i) {
    CHECK(parse_name_source(to_string(NameSource{i})) == NameSource{i});
  }
  CHECK_FALSE(parse_name_source("hosts"));
}

}  // namespace
}  // namespace tollgate::test
