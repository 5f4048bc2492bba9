// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/control/messages.hpp"

#include <boost/json.hpp>
#include <limits>

#include "catch.hpp"
#include "samples.hpp"

using namespace tollgate;

namespace {

boost::json::value json(const char* text) { return boost::json::parse(text); }

template <class T>
void check_same(const Result<T, std::string>& read, const boost::json::value& written) {
  INFO((read.ok() ? std::string{} : read.error()));
  REQUIRE(read);
  CHECK(to_json(*read) == written);
}

}  // namespace

TEST_CASE("what is written is read back") {
  check_same(status_from_json(to_json(samples::status())), to_json(samples::status()));
  check_same(flow_from_json(to_json(samples::flow())), to_json(samples::flow()));
  check_same(flow_from_json(to_json(samples::pending_flow())), to_json(samples::pending_flow()));
  const FlowEvent event{"ended", samples::flow()};
  check_same(event_from_json(to_json(event)), to_json(event));
  check_same(filter_from_json(to_json(samples::filter())), to_json(samples::filter()));
  check_same(filter_from_json(to_json(FlowFilter{})), to_json(FlowFilter{}));
  check_same(counts_from_json(to_json(samples::counts())), to_json(samples::counts()));
  check_same(explain_from_json(to_json(samples::explain_request())), to_json(samples::explain_request()));
  check_same(explanation_from_json(to_json(samples::explanation())), to_json(samples::explanation()));
  const RuleEntry rule{"web", "a.toml", 7, "block", "link", "added", 1700000000.5, 12};
  check_same(rule_from_json(to_json(rule)), to_json(rule));
  const Diagnostics diagnostics{{"a.toml", 1, 2, "no"}, {"b.toml", 0, 0, "No such file or directory"}};
  check_same(diagnostics_from_json(to_json(diagnostics)), to_json(diagnostics));
}

TEST_CASE("a flow as JSON, word for word") {
  CHECK(
      boost::json::serialize(to_json(samples::pending_flow())) ==
      R"({"id":43,"protocol":"icmp","direction":"inbound","source":"10.0.0.2","source_port":0,)"
      R"("destination":"10.0.0.1","destination_port":0,"icmp_id":77,"icmp_type":8,"icmp_code":0,)"
      R"("interface":"","uid":null,"process":null,)"
      R"("process_unknown":"no such socket any more","holders":null,"holders_omitted":0,"holders_hidden":false,"verdict":null,"rule":"","stage":"none","reason":"","cause":"","old_verdict":null,"state":"pending",)"
      R"("adopted":false,"first_seen":1.700000002E9,"last_active":1.700000002E9,"generation":3,)"
      R"("packets":0,"bytes":0,"domain":null,"domain_source":null,"name_mismatch":false,"sni":null,)"
      R"("alpn":[],"protocol_seen":null,"encrypted":null})");
}

TEST_CASE("numbers keep all their bits") {
  FlowEntry flow = samples::flow();
  flow.id = std::numeric_limits<std::uint64_t>::max();
  const auto read = flow_from_json(json(boost::json::serialize(to_json(flow)).c_str()));
  REQUIRE(read);
  CHECK(read->id == flow.id);
}

TEST_CASE("a filter that makes no sense is refused, by name") {
  struct Case {
    const char* text;
    const char* error;
  };
  const Case cases[] = {
      {R"(7)", "not an object"},
      {R"({"colour":"red"})", "colour: no such member"},
      {R"({"port":-1})", "port: not a whole number from 0 to 65535"},
      {R"({"port":65536})", "port: not a whole number from 0 to 65535"},
      {R"({"port":1.5})", "port: not a whole number from 0 to 65535"},
      {R"({"port":"80"})", "port: not a whole number from 0 to 65535"},
      {R"({"uid":4294967296})", "uid: not a whole number from 0 to 4294967295"},
      {R"({"protocol":6})", "protocol: not a string"},
      {R"({"protocol":"tpc"})", "protocol: no such protocol (a name like tcp, or a number from 0 to 255)"},
      {R"({"direction":"out"})", "direction: not outbound, inbound or forward"},
      {R"({"verdict":"allow"})", "verdict: no such verdict (accept, permanent-block, reroute-tunnel, …)"},
      {R"({"state":"open"})", "state: not pending, inspecting, active or ended"},
      {R"({"address":"10.0.0.1/8"})",
       "address: not an address, nor a network like 10.0.0.0/8 without host bits"},
      {R"({"destination":"x"})",
       "destination: not an address, nor a network like 10.0.0.0/8 without host bits"},
      {R"({"destination_port":65536})", "destination_port: not a whole number from 0 to 65535"},
      {R"({"ids":7})", "ids: not an array"},
      {R"({"ids":[1,-2]})", "ids[1]: not a whole number from 0 to 18446744073709551615"},
      {R"({"address":""})", "address: not an address, nor a network like 10.0.0.0/8 without host bits"},
  };
  for (const Case& one : cases) {
    INFO(one.text);
    const auto read = filter_from_json(json(one.text));
    REQUIRE_FALSE(read);
    CHECK(read.error() == one.error);
  }
  FlowFilter many;
  many.ids.emplace(kMostIds);
  CHECK(filter_from_json(to_json(many)).ok());
  many.ids->push_back(1);
  const auto too_many = filter_from_json(to_json(many));
  REQUIRE_FALSE(too_many);
  CHECK(too_many.error() == "ids: more than 1000");
  const auto by_number = filter_from_json(json(R"({"protocol":"6"})"));
  REQUIRE(by_number);
  CHECK(by_number->protocol == "tcp");
}

TEST_CASE("a question that makes no sense is refused, by name") {
  struct Case {
    const char* text;
    const char* error;
  };
  const Case cases[] = {
      {R"({})", "direction: missing"},
      {R"({"direction":"sideways"})", "direction: not outbound, inbound or forward"},
      {R"({"direction":"outbound","protocol":"tcp","source":"10.0.0.1"})", "destination: missing"},
      {R"({"direction":"outbound","protocol":"tcp","source":"10.0.0.256","destination":"10.0.0.1"})",
       "source: not an IPv4 or IPv6 address"},
      {R"({"direction":"outbound","protocol":"tcp","source":"10.0.0.1","destination":"::1"})",
       "destination: not of the same family (IPv4, IPv6) as source"},
      {R"({"direction":"outbound","protocol":"tcp","source":"::1","destination":"::1","domain":"a b"})",
       "domain: not a domain"},
      {R"({"direction":"outbound","protocol":"tcp","source":"::1","destination":"::1","name_source":"x"})",
       "name_source: no such source of names"},
  };
  for (const Case& one : cases) {
    INFO(one.text);
    const auto read = explain_from_json(json(one.text));
    REQUIRE_FALSE(read);
    CHECK(read.error() == one.error);
  }
}

TEST_CASE("an answer may have members that we do not know, and must have those that we do") {
  boost::json::value newer = to_json(samples::status());
  newer.as_object()["weather"] = "fine";
  newer.at("policy").as_object()["colour"] = 7;
  CHECK(status_from_json(newer).ok());

  boost::json::value older = to_json(samples::status());
  older.at("queue").as_object().erase("enobufs");
  const auto read = status_from_json(older);
  REQUIRE_FALSE(read);
  CHECK(read.error() == "queue.enobufs: missing");
  boost::json::value odd = to_json(samples::status());
  odd.at("queue").at("verdicts").as_object()["accept"] = "many";
  const auto odd_read = status_from_json(odd);
  REQUIRE_FALSE(odd_read);
  CHECK(odd_read.error() == "queue.verdicts.accept: not a whole number from 0 to 18446744073709551615");
}

TEST_CASE("each field of a filter decides") {
  const FlowEntry flow = samples::flow();
  CHECK(FlowFilter{}.matches(flow));
  CHECK(samples::filter().matches(flow));
  const auto differs = [&](auto change) {
    FlowFilter filter = samples::filter();
    change(filter);
    return !filter.matches(flow);
  };
  CHECK(differs([](FlowFilter& f) { f.protocol = "udp"; }));
  CHECK(differs([](FlowFilter& f) { f.ids = {41}; }));
  CHECK(differs([](FlowFilter& f) { f.ids.emplace(); }));
  CHECK(differs([](FlowFilter& f) { f.destination = "10.0.0.1"; }));  // its source
  CHECK(differs([](FlowFilter& f) { f.destination_port = 4711; }));
  CHECK(differs([](FlowFilter& f) { f.direction = "inbound"; }));
  CHECK(differs([](FlowFilter& f) { f.verdict = "accept"; }));
  CHECK(differs([](FlowFilter& f) { f.state = "ended"; }));
  CHECK(differs([](FlowFilter& f) { f.rule = "ssh"; }));
  CHECK(differs([](FlowFilter& f) { f.address = "192.168.0.0/16"; }));
  CHECK(differs([](FlowFilter& f) { f.port = 80; }));
  CHECK(differs([](FlowFilter& f) { f.uid = 0; }));
  CHECK(differs([](FlowFilter& f) { f.pid = 4712; }));
  CHECK(differs([](FlowFilter& f) { f.who[ProcessField::process] = "/usr/bin/perl*"; }));
  CHECK(differs([](FlowFilter& f) { f.who[ProcessField::process] = "unknown"; }));
  CHECK(differs([](FlowFilter& f) { f.who[ProcessField::script] = "run.py"; }));
  CHECK(differs([](FlowFilter& f) { f.who[ProcessField::unit] = "other.service"; }));
  CHECK(differs([](FlowFilter& f) { f.who[ProcessField::cgroup] = "/"; }));
  CHECK(differs([](FlowFilter& f) { f.who[ProcessField::container] = "lxc:*"; }));
  CHECK(differs([](FlowFilter& f) { f.who[ProcessField::app] = "flatpak:*"; }));
}

TEST_CASE("address and port of a filter mean either end") {
  const FlowEntry flow = samples::flow();
  FlowFilter filter;
  filter.port = 4711;
  CHECK(filter.matches(flow));
  filter.port = 443;
  CHECK(filter.matches(flow));
  filter = {};
  filter.address = "2001:db8::/32";
  CHECK(filter.matches(flow));
  filter.address = "10.0.0.1";
  CHECK(filter.matches(flow));
  filter.address = "10.0.0.2";
  CHECK_FALSE(filter.matches(flow));
}

TEST_CASE("flows without a process fit only the filter that asks for them") {
  const FlowEntry flow = samples::pending_flow();
  FlowFilter filter;
  filter.who[ProcessField::process] = "*";
  CHECK_FALSE(filter.matches(flow));
  filter.who[ProcessField::process] = "unknown";
  CHECK(filter.matches(flow));
  filter.pid = 0;
  CHECK_FALSE(filter.matches(flow));
}

TEST_CASE("a flow without verdict or uid fits no filter that names one") {
  const FlowEntry flow = samples::pending_flow();
  FlowFilter filter;
  filter.verdict = "accept";
  CHECK_FALSE(filter.matches(flow));
  filter = {};
  filter.uid = 0;
  CHECK_FALSE(filter.matches(flow));
}
