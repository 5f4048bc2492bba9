// SPDX-License-Identifier: GPL-2.0-or-later
// Flows and explanations in words, from an engine and a policy that are the real ones.
#include "tollgate/control/flow_entry.hpp"

#include "catch.hpp"
#include "memory_sources.hpp"

using namespace tollgate;

namespace {

PolicyPointer test_policy() {
  MemorySources sources;
  sources.files["p.toml"] =
      "[default]\n"
      "outbound = \"drop\"\n"
      "[[rule]]\n"
      "name = \"alice\"\n"
      "user = \"alice\"\n"
      "verdict = \"accept\"\n"
      "[[rule]]\n"
      "name = \"web\"\n"
      "port = \"tcp/443\"\n"
      "verdict = \"permanent-block\"\n";
  const auto policy = load_policy("p.toml", {}, sources);
  REQUIRE(policy);
  return *policy;
}

Flow flow(Protocol protocol, std::uint16_t source_port, std::uint16_t destination_port) {
  Flow flow;
  flow.id = FlowId{7};
  flow.tuple.protocol = protocol;
  flow.tuple.family = Family::ipv4;
  flow.tuple.source = IpAddress::parse("10.0.0.1")->bytes();
  flow.tuple.destination = IpAddress::parse("10.0.0.2")->bytes();
  flow.tuple.source_port = source_port;
  flow.tuple.destination_port = destination_port;
  flow.direction = Direction::inbound;
  flow.verdict = Verdict::permanent_drop;
  flow.stage = Stage::link;
  flow.reason = Reason::default_verdict;
  flow.state = FlowState::active;
  flow.first_seen = Time{std::chrono::milliseconds{1500}};
  flow.last_active = Time{std::chrono::seconds{2}};
  flow.generation = Generation{3};
  flow.packets = 4;
  flow.bytes = 500;
  return flow;
}

FlowChanged change(const Flow& flow) { return {FlowChanged::Kind::decided, flow, {}, {}}; }

ExplainRequest request(std::uint16_t port) {
  ExplainRequest request;
  request.source = *IpAddress::parse("10.0.0.1");
  request.destination = *IpAddress::parse("10.0.0.2");
  request.destination_port = port;
  return request;
}

}  // namespace

TEST_CASE("describe: a flow with ports") {
  const Engine engine{EngineOptions{}, test_policy()};
  const FlowEntry entry = describe(engine, change(flow(Protocol::tcp, 4711, 443)));
  CHECK(entry.id == 7);
  CHECK(entry.protocol == "tcp");
  CHECK(entry.direction == "inbound");
  CHECK(entry.source == "10.0.0.1");
  CHECK(entry.source_port == 4711);
  CHECK(entry.destination == "10.0.0.2");
  CHECK(entry.destination_port == 443);
  CHECK_FALSE(entry.icmp_type.has_value());
  CHECK(entry.interface == "");
  CHECK_FALSE(entry.uid.has_value());
  CHECK(entry.verdict == std::optional<std::string>{"permanent-drop"});
  CHECK(entry.rule == "");
  CHECK(entry.stage == to_string(Stage::link));
  CHECK(entry.reason == to_string(Reason::default_verdict));
  CHECK(entry.state == "active");
  CHECK(entry.first_seen == 1.5);
  CHECK(entry.last_active == 2);
  CHECK(entry.generation == 3);
  CHECK(entry.packets == 4);
  CHECK(entry.bytes == 500);
}

TEST_CASE("describe: ICMP flows have type, code and, for echo, an id instead of ports") {
  const Engine engine{EngineOptions{}, test_policy()};
  const FlowEntry echo = describe(engine, change(flow(Protocol::icmp, 77, 8 * 256)));
  CHECK(echo.source_port == 0);
  CHECK(echo.destination_port == 0);
  CHECK(echo.icmp_id == std::optional<std::uint16_t>{77});
  CHECK(echo.icmp_type == std::optional<std::uint8_t>{8});
  CHECK(echo.icmp_code == std::optional<std::uint8_t>{0});
  const FlowEntry redirect = describe(engine, change(flow(Protocol::icmp, 0, 5 * 256 + 1)));
  CHECK_FALSE(redirect.icmp_id.has_value());
  CHECK(redirect.icmp_type == std::optional<std::uint8_t>{5});
  CHECK(redirect.icmp_code == std::optional<std::uint8_t>{1});
}

TEST_CASE("describe: a pending flow has no verdict yet") {
  const Engine engine{EngineOptions{}, test_policy()};
  Flow pending = flow(Protocol::udp, 1, 2);
  pending.state = FlowState::pending;
  pending.uid = 0;
  const FlowEntry entry = describe(engine, change(pending));
  CHECK_FALSE(entry.verdict.has_value());
  CHECK(entry.reason == "");
  CHECK(entry.state == "pending");
  CHECK(entry.uid == std::optional<std::uint32_t>{0});
}

TEST_CASE("describe: for whom a flow was meant and what it said") {
  const Engine engine{EngineOptions{}, test_policy()};
  FlowChanged seen = change(flow(Protocol::tcp, 4711, 443));
  CHECK_FALSE(describe(engine, seen).domain.has_value());
  CHECK_FALSE(describe(engine, seen).encrypted.has_value());
  seen.observed.domain = "www.example.org";
  seen.observed.domain_source = NameSource::dns;
  Findings findings;
  findings.protocol = Spoken::tls;
  findings.sni = "www.example.org";
  findings.alpn = {"h2"};
  findings.encrypted = true;
  seen.observed.findings = std::make_shared<const Findings>(findings);
  const FlowEntry entry = describe(engine, seen);
  CHECK(entry.domain == std::optional<std::string>{"www.example.org"});
  CHECK(entry.domain_source == std::optional<std::string>{"dns"});
  CHECK(entry.sni == std::optional<std::string>{"www.example.org"});
  CHECK(entry.alpn == std::vector<std::string>{"h2"});
  CHECK(entry.protocol_seen == std::optional<std::string>{"tls"});
  CHECK(entry.encrypted == std::optional<bool>{true});
}

TEST_CASE("explain: the rules up to the one that decides, with place and reason") {
  const PolicyPointer policy = test_policy();
  ExplainRequest web = request(443);
  const Explanation blocked = explain(*policy, web);
  REQUIRE(blocked.tried.size() == 2);
  CHECK(blocked.tried[0].rule == "alice");
  CHECK(blocked.tried[0].file == "p.toml");
  CHECK(blocked.tried[0].line == 3);
  CHECK(blocked.tried[0].match == "no");
  CHECK(blocked.tried[1].match == "yes");
  CHECK(blocked.verdict == "permanent-block");
  CHECK(blocked.rule == "web");
  CHECK(blocked.reason == to_string(Reason::rule));

  web.uid = 1000;
  const Explanation hers = explain(*policy, web);
  CHECK(hers.tried.size() == 1);
  CHECK(hers.rule == "alice");
  CHECK(hers.verdict == "accept");

  const Explanation other = explain(*policy, request(80));
  CHECK(other.rule == "");
  CHECK(other.verdict == "drop");
  CHECK(other.reason == to_string(Reason::default_verdict));
}
