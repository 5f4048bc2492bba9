// SPDX-License-Identifier: GPL-2.0-or-later
// Questions to the daemon's nameserver: whose they are, what refuses them, and what is learned from answers.
#include "catch.hpp"
#include "dns_builder.hpp"
#include "memory_sources.hpp"
#include "packet_builder.hpp"
#include "tollgate/engine/engine.hpp"

using namespace tollgate;
using namespace tollgate::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kPolicy = R"([default]
outbound = "permanent-accept"
[[rule]]
name = "dns"
direction = "outbound"
port = "udp/53"
verdict = "reroute-nameserver"
[[rule]]
name = "home"
domain = "*.home.arpa"
verdict = "permanent-accept"
[[rule]]
name = "ads"
domain = "*.ads.example"
user = 1000
verdict = "permanent-block"
[[rule]]
name = "rebinding"
stage = "after-resolving"
scope = ["host", "lan"]
verdict = "block"
[[rule]]
name = "bad"
destination = "203.0.113.0/24"
verdict = "permanent-block"
)";

struct Rig {
  Rig() {
    const Bytes bytes = PacketBuilder{"10.0.0.1", "192.0.2.53"}.udp(4000, 53).build();
    PacketQueued queued;
    queued.bytes = bytes;
    queued.wire_length = bytes.size();
    queued.uid = 1000U;
    handle(queued);
    REQUIRE(effects.verdicts.at(0).mark == FlowMark::nameserver);
  }

  static EngineOptions options() {
    EngineOptions options;
    options.nameserver4 = true;
    return options;
  }
  static PolicyPointer policy() { return load_text(kPolicy, {true, true, true, true, true}).value(); }

  void handle(const Event& event) {
    effects.clear();
    engine.handle(event, now, effects);
  }
  // As it arrives at the nameserver: nat has changed for whom it was.
  static NameAsked asked(std::string_view domain, std::uint16_t port = 4000) {
    NameAsked question;
    question.from.protocol = Protocol::udp;
    question.from.source = {10, 0, 0, 1};
    question.from.source_port = port;
    question.from.destination = {127, 0, 0, 1};
    question.from.destination_port = 5300;
    question.domain = domain;
    return question;
  }
  std::string refusal() const { return effects.name_refusal ? effects.name_refusal->rule : ""; }
  std::string answer(std::string_view domain, const std::vector<std::string>& aliases,
                     const std::vector<std::string>& addresses) {
    std::vector<IpAddress> parsed;
    for (const std::string& text : addresses) parsed.push_back(*IpAddress::parse(text));
    handle(NameAnswered{asked(domain), aliases, parsed, {}, {}});
    return refusal();
  }

  Time now{1000s};
  Engine engine{options(), policy()};
  Effects effects;
};

TEST_CASE("a question is refused by what is known of its asker, and the log says whose it was") {
  Rig rig;
  rig.handle(Rig::asked("x.ads.example"));
  CHECK(rig.refusal() == "ads");
  REQUIRE(rig.effects.records.size() == 1);
  const Record& record = rig.effects.records[0];
  CHECK(record.verdict == Verdict::permanent_block);
  CHECK(record.rule == "ads");
  CHECK(record.stage == Stage::before_resolving);
  CHECK(record.domain == "x.ads.example");
  CHECK(record.detail == "question A");
  CHECK(record.uid == 1000U);
  CHECK(record.tuple.destination_address().to_string() == "192.0.2.53");  // as its asker meant it
}

TEST_CASE("a question of somebody who is not known is refused by no rule about somebody, and is told of") {
  Rig rig;
  rig.handle(Rig::asked("x.ads.example", 4001));
  CHECK(rig.refusal().empty());
  REQUIRE(rig.effects.records.size() == 1);
  CHECK(rig.effects.records[0].verdict == Verdict::accept);
  CHECK(rig.effects.records[0].reason == Reason::default_verdict);
}

TEST_CASE("an answer is refused by the names on its way and by its addresses") {
  Rig rig;
  CHECK(rig.answer("www.example", {}, {"192.0.2.1"}).empty());
  CHECK(rig.effects.records.empty());
  CHECK(rig.answer("www.example", {"cdn.example", "y.ads.example"}, {"192.0.2.1"}) == "ads");
  CHECK(rig.answer("www.example", {}, {"192.0.2.1", "192.168.1.1"}) == "rebinding");
  CHECK(rig.effects.records.at(0).stage == Stage::after_resolving);
  CHECK(rig.answer("nas.home.arpa", {}, {"192.168.1.1"}).empty());
  // What is no rule for answers lets those pass that have another address.
  CHECK(rig.answer("www.example", {}, {"203.0.113.1", "192.0.2.1"}).empty());
  CHECK(rig.answer("www.example", {}, {"203.0.113.1", "203.0.113.2"}) == "bad");
}

TEST_CASE("flows to an address that was answered have its name; a refused answer teaches nothing") {
  Rig rig;
  const auto flow_domain = [&](const char* address, std::uint16_t port) -> std::string {
    const Bytes bytes = PacketBuilder{"10.0.0.1", address}.tcp(port, 443).build();
    PacketQueued queued;
    queued.bytes = bytes;
    queued.wire_length = bytes.size();
    rig.handle(queued);
    return rig.effects.records.at(0).domain;
  };
  const Bytes query = DnsBuilder{7}.question("www.example").build();
  const Bytes good = DnsBuilder(7, true).question("www.example").a("www.example", "192.0.2.80").build();
  const Bytes bad = DnsBuilder(7, true).question("www.example").a("www.example", "192.168.1.1").build();
  const std::vector<IpAddress> at{*IpAddress::parse("192.0.2.80")},
      private_at{*IpAddress::parse("192.168.1.1")};
  rig.handle(NameAnswered{Rig::asked("www.example"), {}, at, query, good});
  CHECK(flow_domain("192.0.2.80", 5000) == "www.example");
  rig.handle(NameAnswered{Rig::asked("www.example"), {}, private_at, query, bad});
  CHECK(flow_domain("192.168.1.1", 5001).empty());
}

}  // namespace
