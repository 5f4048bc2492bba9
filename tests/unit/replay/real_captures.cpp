// SPDX-License-Identifier: GPL-2.0-or-later
// Captures of real programs (tests/data/captures/README.md) and what a policy makes of them, word for
// word.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <iterator>
#include <sstream>

#include "replay_fixture.hpp"

namespace tollgate::test {
namespace {

const std::string kFolder = TOLLGATE_SOURCE_DIR "/tests/data/captures/";

std::string read(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  INFO(path);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>{file}, {}};
}

// As `tollgate replay --json` prints it.
std::string replay_lines(const ReplayOptions& options, const std::string& policy) {
  std::ostringstream lines;
  const auto summary = replay(options, policy_of(policy), [&](const FlowEntry& flow) {
    lines << boost::json::serialize(to_json(flow)) << '\n';
  });
  REQUIRE(summary.ok());
  lines << boost::json::serialize(to_json(*summary)) << '\n';
  return lines.str();
}

// The same lines with times in whole microseconds, which is what the captures have: how a double is
// written is Boost's business and changes.
std::vector<std::string> comparable(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) {
    boost::json::value value = boost::json::parse(line);
    for (const char* time : {"first_seen", "last_active"}) {
      boost::json::value* seconds = value.as_object().if_contains(time);
      if (seconds != nullptr) *seconds = std::llround(seconds->as_double() * 1e6);
    }
    lines.push_back(boost::json::serialize(value));
  }
  return lines;
}

void check_golden(const std::string& capture, const std::string& golden, const ReplayOptions& given) {
  ReplayOptions options = given;
  options.capture = kFolder + capture;
  const std::string lines = replay_lines(options, read(kFolder + "policy.toml"));
  CHECK(comparable(lines) == comparable(read(kFolder + golden)));
}

TEST_CASE("curl, dig and ping over IPv4, seen from the client", "[replay]") {
  check_golden("ipv4.pcap", "ipv4.jsonl", {});
}

TEST_CASE("The same, seen from the server", "[replay]") {
  ReplayOptions options;
  options.local = {*Prefix::parse("192.0.2.2")};
  check_golden("ipv4.pcap", "ipv4-server.jsonl", options);
}

TEST_CASE("curl, dig and ping over IPv6, captured on all interfaces", "[replay]") {
  check_golden("ipv6-cooked.pcap", "ipv6-cooked.jsonl", {});
}

TEST_CASE("Names from DNS, TLS, QUIC, STARTTLS and others", "[replay]") {
  for (const std::string topic : {"dns", "tls", "quic", "starttls", "others"}) {
    INFO(topic);
    check_golden("names-" + topic + ".pcap", "names-" + topic + ".jsonl", {});
  }
}

}  // namespace
}  // namespace tollgate::test
