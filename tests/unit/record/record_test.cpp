// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/record/record.hpp"

#include <map>

#include "catch.hpp"

namespace tollgate {
namespace {

using namespace std::chrono_literals;

Endpoints endpoints(const char* source, std::uint16_t source_port, const char* destination,
                    std::uint16_t destination_port, Protocol protocol) {
  Endpoints ends;
  ends.source = IpAddress::parse(source).value();
  ends.destination = IpAddress::parse(destination).value();
  ends.protocol = protocol;
  ends.source_port = source_port;
  ends.destination_port = destination_port;
  return ends;
}

Record web_record() {
  Record record;
  record.flow = FlowId{7};
  record.tuple = FiveTuple::of(endpoints("10.0.0.1", 4711, "10.0.0.2", 80, Protocol::tcp));
  record.verdict = Verdict::permanent_block;
  record.reason = Reason::rule;
  record.stage = Stage::link;
  record.rule = "no web";
  record.generation = Generation{3};
  record.interface = "eth0";
  record.uid = 1000U;
  record.gid = 100U;
  return record;
}

std::map<std::string, std::string> fields_of(const Record& record) {
  std::map<std::string, std::string> fields;
  for (const auto& [name, value] : to_fields(record)) {
    INFO(name);
    CHECK(fields.emplace(std::string{name}, value).second);  // each once
  }
  return fields;
}

TEST_CASE("A line says the whole decision", "[record]") {
  CHECK(to_line(web_record()) ==
        "permanent-block outbound tcp 10.0.0.1:4711 > 10.0.0.2:80 eth0 uid 1000, rule \"no web\" (link)");
}

TEST_CASE("A decision by first bytes says how many packets they took", "[record]") {
  Record record = web_record();
  CHECK_FALSE(fields_of(record).contains("TOLLGATE_INSPECTED"));
  record.stage = Stage::inspection;
  record.inspected = 4;
  CHECK(
      to_line(record) ==
      "permanent-block outbound tcp 10.0.0.1:4711 > 10.0.0.2:80 eth0 uid 1000, rule \"no web\" (inspection), "
      "after 4 packets");
  CHECK(fields_of(record).at("TOLLGATE_INSPECTED") == "4");
}

TEST_CASE("A decision taken again says what was before it, and why", "[record]") {
  Record record = web_record();
  CHECK_FALSE(fields_of(record).contains("TOLLGATE_CAUSE"));
  record.cause = Cause::policy;
  record.old_verdict = Verdict::permanent_accept;
  record.old_rule = "web";
  CHECK(to_line(record) ==
        "permanent-block outbound tcp 10.0.0.1:4711 > 10.0.0.2:80 eth0 uid 1000, rule \"no web\" (link), was "
        "permanent-accept by rule \"web\" (policy)");
  CHECK(fields_of(record)["TOLLGATE_CAUSE"] == "policy");
  CHECK(fields_of(record)["TOLLGATE_OLD_VERDICT"] == "permanent-accept");
  CHECK(fields_of(record)["TOLLGATE_OLD_RULE"] == "web");
  record.old_rule.clear();
  record.cause = Cause::killed;
  CHECK(to_line(record).ends_with(", was permanent-accept (killed)"));
  CHECK_FALSE(fields_of(record).contains("TOLLGATE_OLD_RULE"));
  record.old_verdict.reset();
  record.cause = Cause::restart;
  CHECK(to_line(record).ends_with(", again (restart)"));
  CHECK_FALSE(fields_of(record).contains("TOLLGATE_OLD_VERDICT"));
}

TEST_CASE("Line and fields say whose the flow is", "[record]") {
  Process process;
  process.id = {4711, 2, 99};
  process.source = ProcessSource::ebpf;
  process.path = "/usr/bin/curl";
  process.command = "curl -s x";
  process.group.unit = "a.service";
  process.ancestors = {{{}, "/usr/bin/bash"}, {{}, "/usr/lib/systemd/systemd"}};
  Record record = web_record();
  record.process = std::make_shared<const Process>(process);
  CHECK(to_line(record) ==
        "permanent-block outbound tcp 10.0.0.1:4711 > 10.0.0.2:80 eth0 uid 1000 by /usr/bin/curl[4711], rule "
        "\"no web\" (link)");
  auto fields = fields_of(record);
  CHECK(fields["TOLLGATE_PID"] == "4711");
  CHECK(fields["TOLLGATE_PROCESS"] == "/usr/bin/curl");
  CHECK(fields["TOLLGATE_COMMAND"] == "curl -s x");
  CHECK(fields["TOLLGATE_PARENT"] == "/usr/bin/bash");
  CHECK(fields["TOLLGATE_UNIT"] == "a.service");
  CHECK(fields["TOLLGATE_PROCESS_SOURCE"] == "ebpf");
  CHECK_FALSE(fields.contains("TOLLGATE_CONTAINER"));
  process.path = "/tmp/a\n\"b";
  record.process = std::make_shared<const Process>(process);
  CHECK(to_line(record).find(" by \"/tmp/a\\x0a\\\"b\"[4711],") != std::string::npos);
}

TEST_CASE("Line and fields say for whom the flow was meant, and what it said", "[record]") {
  Record record = web_record();
  CHECK_FALSE(fields_of(record).contains("TOLLGATE_DOMAIN"));
  record.domain = "www.example.org";
  record.domain_source = NameSource::dns;
  Findings findings;
  findings.protocol = Spoken::tls;
  findings.sni = "www.example.org";
  findings.alpn = {"h2", "http/1.1"};
  findings.encrypted = true;
  record.findings = std::make_shared<const Findings>(findings);
  CHECK(to_line(record) ==
        "permanent-block outbound tcp 10.0.0.1:4711 > 10.0.0.2:80 (www.example.org) eth0 uid 1000, rule "
        "\"no web\" (link)");
  auto fields = fields_of(record);
  CHECK(fields["TOLLGATE_DOMAIN"] == "www.example.org");
  CHECK(fields["TOLLGATE_DOMAIN_SOURCE"] == "dns");
  CHECK(fields["TOLLGATE_SNI"] == "www.example.org");
  CHECK(fields["TOLLGATE_ALPN"] == "h2,http/1.1");
  CHECK(fields["TOLLGATE_PROTOCOL_SEEN"] == "tls");
  CHECK(fields["TOLLGATE_ENCRYPTED"] == "true");
  record.domain = "a\nb";
  CHECK(to_line(record).find("(\"a\\x0ab\")") != std::string::npos);
}

TEST_CASE("A line leaves out what is not known", "[record]") {
  Record record = web_record();
  record.interface.clear();
  record.uid = {};
  record.rule.clear();
  record.reason = Reason::default_verdict;
  record.verdict = Verdict::accept;
  record.direction = Direction::inbound;
  CHECK(to_line(record) == "accept inbound tcp 10.0.0.1:4711 > 10.0.0.2:80, default (link)");
}

TEST_CASE("A line gives the reason when neither rule nor default decided now", "[record]") {
  Record record = web_record();
  record.reason = Reason::cached;
  CHECK(to_line(record) ==
        "permanent-block outbound tcp 10.0.0.1:4711 > 10.0.0.2:80 eth0 uid 1000, rule \"no web\" (link, " +
            std::string{to_string(Reason::cached)} + ")");
  record.rule.clear();
  record.stage = Stage::none;
  record.reason = Reason::overload;
  CHECK(to_line(record) == "permanent-block outbound tcp 10.0.0.1:4711 > 10.0.0.2:80 eth0 uid 1000, " +
                               std::string{to_string(Reason::overload)});
}

TEST_CASE("A line stays one line whatever a rule is called", "[record]") {
  Record record = web_record();
  record.rule = "a \"b\"\nc\\\x7f";
  const std::string line = to_line(record);
  CHECK(line.find('\n') == std::string::npos);
  CHECK(line.find(R"(rule "a \"b\"\x0ac\\\x7f" (link))") != std::string::npos);
}

TEST_CASE("A packet that cannot be read has a line and fields without a tuple", "[record]") {
  Record record;
  record.verdict = Verdict::drop;
  record.direction = Direction::inbound;
  record.reason = Reason::unparsed;
  record.interface = "eth0";
  record.detail = "truncated";
  CHECK(to_line(record) ==
        "drop inbound packet eth0, " + std::string{to_string(Reason::unparsed)} + ": truncated");
  const std::map<std::string, std::string> expected{
      {"TOLLGATE_VERDICT", "drop"},
      {"TOLLGATE_REASON", std::string{to_string(Reason::unparsed)}},
      {"TOLLGATE_DIRECTION", "inbound"},
      {"TOLLGATE_INTERFACE", "eth0"},
      {"TOLLGATE_DETAIL", "truncated"}};
  CHECK(fields_of(record) == expected);
}

TEST_CASE("Journal fields hold every known part once", "[record]") {
  const std::map<std::string, std::string> expected{{"TOLLGATE_VERDICT", "permanent-block"},
                                                    {"TOLLGATE_RULE", "no web"},
                                                    {"TOLLGATE_STAGE", "link"},
                                                    {"TOLLGATE_REASON", std::string{to_string(Reason::rule)}},
                                                    {"TOLLGATE_DIRECTION", "outbound"},
                                                    {"TOLLGATE_PROTOCOL", "tcp"},
                                                    {"TOLLGATE_SOURCE", "10.0.0.1"},
                                                    {"TOLLGATE_SOURCE_PORT", "4711"},
                                                    {"TOLLGATE_DESTINATION", "10.0.0.2"},
                                                    {"TOLLGATE_DESTINATION_PORT", "80"},
                                                    {"TOLLGATE_INTERFACE", "eth0"},
                                                    {"TOLLGATE_UID", "1000"},
                                                    {"TOLLGATE_GID", "100"},
                                                    {"TOLLGATE_FLOW", "7"},
                                                    {"TOLLGATE_GENERATION", "3"}};
  CHECK(fields_of(web_record()) == expected);
}

TEST_CASE("Journal fields of ICMP have type, code and id instead of ports", "[record]") {
  Record record = web_record();
  Endpoints ends = endpoints("2001:db8::1", 0, "2001:db8::2", 0, Protocol::icmpv6);
  ends.icmp = IcmpHeader{128, 0, 77};
  record.tuple = FiveTuple::of(ends);
  const auto fields = fields_of(record);
  CHECK(fields.at("TOLLGATE_PROTOCOL") == "icmpv6");
  CHECK(fields.at("TOLLGATE_SOURCE") == "2001:db8::1");
  CHECK(fields.at("TOLLGATE_ICMP_TYPE") == "128");
  CHECK(fields.at("TOLLGATE_ICMP_CODE") == "0");
  CHECK(fields.at("TOLLGATE_ICMP_ID") == "77");
  CHECK(fields.count("TOLLGATE_SOURCE_PORT") == 0);
  CHECK(fields.count("TOLLGATE_DESTINATION_PORT") == 0);
}

TEST_CASE("Protocols without ports have neither port fields nor ICMP fields", "[record]") {
  Record record = web_record();
  record.tuple = FiveTuple::of(endpoints("10.0.0.1", 0, "10.0.0.2", 0, Protocol::gre));
  const auto fields = fields_of(record);
  CHECK(fields.at("TOLLGATE_PROTOCOL") == "gre");
  CHECK(fields.count("TOLLGATE_SOURCE_PORT") == 0);
  CHECK(fields.count("TOLLGATE_ICMP_TYPE") == 0);
}

unsigned admitted(RecordLimiter& limiter, Time now, unsigned offered) {
  unsigned count = 0;
  for (unsigned i = 0; i < offered; ++i) count += limiter.admit(now) ? 1 : 0;
  return count;
}

TEST_CASE("The limiter lets a burst through, then the rate", "[record]") {
  RecordLimiter limiter{10, 100};
  const Time start{1'700'000'000s};
  CHECK(admitted(limiter, start, 150) == 100);
  CHECK(admitted(limiter, start + 1s, 150) == 10);
  CHECK(admitted(limiter, start + 1s + 500ms, 150) == 5);
  CHECK(admitted(limiter, start + 1h, 150) == 100);  // never more than the burst
}

TEST_CASE("The limiter counts what it refuses", "[record]") {
  RecordLimiter limiter{1, 2};
  const Time start{1s};
  CHECK(admitted(limiter, start, 5) == 2);
  CHECK(limiter.take_suppressed() == 3);
  CHECK(limiter.take_suppressed() == 0);
  CHECK(admitted(limiter, start, 4) == 0);
  CHECK(limiter.take_suppressed() == 4);
  CHECK(limiter.suppressed_total() == 7);
}

TEST_CASE("The limiter gains nothing from a time that goes backwards", "[record]") {
  RecordLimiter limiter{1, 1};
  const Time start{100s};
  CHECK(limiter.admit(start));
  CHECK_FALSE(limiter.admit(start - 50s));
  CHECK_FALSE(limiter.admit(start));
  CHECK(limiter.admit(start + 1s));
}

TEST_CASE("A limiter without burst admits nothing", "[record]") {
  RecordLimiter limiter{1000, 0};
  CHECK(admitted(limiter, Time{5s}, 10) == 0);
  CHECK(admitted(limiter, Time{500s}, 10) == 0);
  CHECK(limiter.suppressed_total() == 20);
}

}  // namespace
}  // namespace tollgate
