// SPDX-License-Identifier: GPL-2.0-or-later
// What people and programs see, word for word.
#include "cli/output.hpp"

#include <boost/json.hpp>
#include <cstdlib>
#include <ctime>
#include <sstream>

#include "../control/samples.hpp"
#include "catch.hpp"
#include "cli/words.hpp"

using namespace tollgate;
using namespace tollgate::cli;

namespace {

struct Printed {
  std::ostringstream out, err;
  Page page{out, err, 0, false};
  Printed() {
    setenv("TZ", "UTC", 1);
    tzset();
  }
};

}  // namespace

TEST_CASE("output: status") {
  Printed printed;
  kTextOutput.status(printed.page, samples::status());
  CHECK(
      printed.out.str() ==
      "tollgate 0.1.0, up 12 s\n"
      "policy     generation 3, 17 rules, loaded 2023-11-14 22:13:20\n"
      "rules      nft, verdicts by conntrack mark, fail closed\n"
      "flows      11 active, 2 ended, 1 pending, 6 adopted, 9 inspected, 4 evicted; limit 262144, idle "
      "times shortened to 50 %\n"
      "queue      100 packets received, 5 waiting\n"
      "lost       1 queue full, 2 socket full, ENOBUFS 3 times\n"
      "conntrack  300 entries of 65536, 1 packets without room, 13 INVALID, 14 untracked, 400 events, 2 "
      "resyncs\n"
      "sockets    500 closed, 3 destroyed, 4 authorized for any peer\n"
      "verdicts   accept 90, permanent-drop 10\n"
      "reasons    rule 80\n"
      "malformed  version 6\n"
      "log        70 records written, 7 suppressed\n"
      "owners     found by ebpf 5; not found: not found in time 1; 1 of 2 eBPF programs run; 2 not told of "
      "by "
      "eBPF for want of room; forgotten by eBPF for want of room: sockets 9\n"
      "           eBPF program tollgate_accept: Operation not permitted\n"
      "names      26 held; DNS: 21 questions, 22 answers, 23 not asked for, 24 malformed; 20 copies, lost 1 "
      "time; 27 went to make room\n"
      "nameserver answered 8, queries 9\n"
      "errors     verdict 1\n"
      "lacking    SOCK_DESTROY: programs hear of a cut by the next packet\n");
}

TEST_CASE("output: status as JSON") {
  Printed printed;
  kJsonOutput.status(printed.page, samples::status());
  CHECK(
      printed.out.str() ==
      R"({"version":"0.1.0","uptime_seconds":1.25E1,"backend":"nft","mark_path":"conntrack","fail":"closed",)"
      R"("policy":{"generation":3,"rules":17,"loaded":1.70000000025E9},)"
      R"("flows":{"active":11,"ended":2,"pending":1,"limit":262144,"evicted":4,"adopted":6,"inspected":9,"idle_percent":50},)"
      R"("queue":{"received":100,"verdicts":{"accept":90,"permanent-drop":10},"kernel_dropped":1,)"
      R"("user_dropped":2,"enobufs":3,"pending_packets":5},"conntrack":{"entries":300,"limit":65536,)"
      R"("dropped":1,"invalid":13,"untracked":14,"events":400,"resyncs":2},"sockets":{"events":500,"destroyed":3,"authorized":4},)"
      R"("lacking":["SOCK_DESTROY: programs hear of a cut by the next packet"],)"
      R"("malformed":{"truncated":0,"version":6},)"
      R"("reasons":{"rule":80},"log":{"written":70,"suppressed":7},)"
      R"("attribution":{"lookup":"auto","programs":{"tollgate_accept":"Operation not permitted","tollgate_tcp":""},)"
      R"("found":{"ebpf":5},"not_found":{"not found in time":1},"processes":4,"lost":2,"forgotten":{"sockets":9,"tuples":0}},"names":{"dns":true,"copies":20,"lost":1,)"
      R"("questions":21,"answers":22,"unasked":23,"malformed":24,"learned":25,"held":26,"evicted":27},)"
      R"("nameserver":{"answered":8,"queries":9},"errors":{"verdict":1}})"
      "\n");
}

TEST_CASE("output: up for how long") {
  const std::pair<double, const char*> cases[] = {
      {0, "0 s"}, {59.9, "59 s"}, {60, "1 min 0 s"}, {3661, "1 h 1 min"}, {90000, "1 d 1 h"}};
  for (const auto& [seconds, text] : cases) {
    Printed printed;
    Status status;
    status.uptime_seconds = seconds;
    kTextOutput.status(printed.page, status);
    const std::string all = printed.out.str();
    CHECK(all.substr(0, all.find('\n')) == std::string{"tollgate , up "} + text);
  }
}

TEST_CASE("output: flows") {
  Printed printed;
  const auto list = kTextOutput.flows(printed.page, false);
  list->add(samples::flow());
  list->add(samples::pending_flow());
  list->finish();
  CHECK(printed.out.str() ==
        "ID  STATE    VERDICT           DIRECTION  PROTOCOL  SOURCE         DESTINATION             INTERFACE"
        "   UID  PROGRAM      RULE\n"
        "42  active   permanent-accept  outbound   tcp       10.0.0.1:4711  [2001:db8::1]:443       eth0     "
        "  1000  /opt/run.py  web, adopted, was permanent-block (policy)\n"
        "43  pending  -                 inbound    icmp      10.0.0.2       10.0.0.1 type 8 code 0\n");
}

TEST_CASE("output: flows and all who hold their sockets") {
  Printed printed;
  const auto list = kTextOutput.flows(printed.page, true);
  FlowEntry flow = samples::flow();
  list->add(flow);
  flow.holders_hidden = false;
  list->add(flow);
  flow.holders->clear();
  flow.holders_omitted = 0;
  list->add(flow);
  flow.holders.reset();
  list->add(flow);
  list->finish();
  const std::string text = printed.out.str();
  CHECK(text.find("PROGRAM      HELD BY") != std::string::npos);
  CHECK(text.find("/opt/run.py  /usr/lib/systemd/systemd[1], run[7] and 2 more, perhaps others  web") !=
        std::string::npos);
  CHECK(text.find("run[7] and 2 more  ") != std::string::npos);
  CHECK(text.find("/opt/run.py  nobody ") != std::string::npos);
  CHECK(text.find("/opt/run.py  ? ") != std::string::npos);
}

TEST_CASE("output: no flows") {
  Printed text, json;
  kTextOutput.flows(text.page, false)->finish();
  CHECK(text.out.str() == "no flows\n");
  kJsonOutput.flows(json.page, false)->finish();
  CHECK(json.out.str() == "[]\n");
}

TEST_CASE("output: flows as JSON are one array") {
  Printed printed;
  const auto list = kJsonOutput.flows(printed.page, false);
  list->add(samples::flow());
  list->add(samples::pending_flow());
  list->finish();
  const boost::json::value read = boost::json::parse(printed.out.str());
  CHECK(read == boost::json::value{to_json(samples::flow()), to_json(samples::pending_flow())});
}

TEST_CASE("output: flows counted by program, the one with the most first") {
  Printed text, json, none;
  for (const auto& [page, output] :
       {std::pair{&text.page, &kTextOutput}, std::pair{&json.page, &kJsonOutput}}) {
    const auto list = output->flows_by(*page, "process");
    list->add(samples::pending_flow());
    list->add(samples::flow());
    list->add(samples::flow());
    list->finish();
  }
  CHECK(text.out.str() ==
        "FLOWS  PACKETS        BYTES  PROCESS\n"
        "    2       20  24691357802  /usr/bin/python3\n"
        "    1        0            0  -\n");
  CHECK(json.out.str() == R"([{"process":"/usr/bin/python3","flows":2,"packets":20,"bytes":24691357802},)"
                          R"({"process":null,"flows":1,"packets":0,"bytes":0}])"
                          "\n");
  kTextOutput.flows_by(none.page, "unit")->finish();
  CHECK(none.out.str() == "no flows\n");
}

TEST_CASE("output: a change is a line") {
  Printed printed;
  kTextOutput.change(printed.page, {"ended", samples::flow()});
  kTextOutput.change(printed.page, {"present", samples::pending_flow()});
  CHECK(printed.out.str() ==
        "22:13:21 ended   permanent-accept outbound tcp 10.0.0.1:4711 > [2001:db8::1]:443 eth0 uid 1000 by "
        "/usr/bin/python3[4711], rule \"web\", was permanent-block (policy)\n"
        "22:13:22 present pending inbound icmp 10.0.0.2 > 10.0.0.1 type 8 code 0\n");
  Printed json;
  kJsonOutput.change(json.page, {"ended", samples::flow()});
  CHECK(boost::json::parse(json.out.str()) == to_json(FlowEvent{"ended", samples::flow()}));
}

TEST_CASE("output: what was done by hand") {
  Printed revoked, killed, json;
  kTextOutput.revoked(revoked.page, {1, 1, 0, 0, 1, 0, 0, 0, 0});
  CHECK(revoked.out.str() ==
        "1 flow matches: 1 asked again at the next packet, 0 ended or waiting\n"
        "conntrack  1 mark reset, 0 gone already\n");
  kTextOutput.killed(killed.page, samples::counts());
  CHECK(killed.out.str() ==
        "9 flows match: 8 cut, of which 7 still waited, 1 ended or cut before\n"
        "conntrack  6 marks set, 5 gone already\n"
        "sockets    4 destroyed, 3 gone already\n"
        "kernel     refused 2\n");
  kJsonOutput.killed(json.page, samples::counts());
  CHECK(boost::json::parse(json.out.str()) == to_json(samples::counts()));
}

TEST_CASE("output: a status that the kernel gives less for") {
  Printed printed;
  kTextOutput.status(printed.page, Status{});
  CHECK(printed.out.str().find(
            "conntrack  entries unknown, 0 packets without room, uncounted INVALID, uncounted "
            "untracked, 0 events, "
            "0 resyncs\n") != std::string::npos);
  CHECK(printed.out.str().find("idle times whole\n") != std::string::npos);
}

TEST_CASE("output: rules") {
  const std::vector<RuleEntry> rules{
      {"for now", "/var/rules.toml", 4, "permanent-block", "link", "added", 0.0, 12},
      {"web", "a.toml", 7, "permanent-accept", "communication", "file", {}, {}}};
  Printed text, none, json, one;
  kTextOutput.rules(text.page, rules);
  CHECK(text.out.str().find("RULE     ORIGIN  VERDICT           STAGE          DECIDED  EXPIRES") == 0);
  CHECK(text.out.str().find("\nfor now  added   permanent-block   link                12  19") !=
        std::string::npos);
  CHECK(text.out.str().find("\nweb      file    permanent-accept  communication        -  never") !=
        std::string::npos);
  CHECK(text.out.str().find(" a.toml:7\n") != std::string::npos);
  CHECK(text.out.str().find("/var/rules.toml") == std::string::npos);
  kTextOutput.rules(none.page, {});
  CHECK(none.out.str() == "no rules: the defaults decide\n");
  kJsonOutput.rules(json.page, rules);
  const boost::json::value read = boost::json::parse(json.out.str());
  REQUIRE(read.as_array().size() == 2);
  CHECK(read.as_array()[0] == to_json(rules[0]));
  kTextOutput.rule_added(one.page, "for\x1bnow", {3, 1, 0});
  kTextOutput.rule_removed(one.page, "web", {4, 2, 0});
  CHECK(one.out.str() ==
        "rule \"for?now\" is in force: policy 3, 1 rule\nrule \"web\" is removed: policy 4, 2 rules\n");
}

TEST_CASE("output: reload") {
  Printed good, bad, json;
  kTextOutput.reloaded(good.page, {4, 1, 0});
  CHECK(good.out.str() == "policy 4 is in force, 1 rule\n");
  const Diagnostics diagnostics{{"a.toml", 3, 7, "no such verdict"}, {"b.toml", 0, 0, "Permission denied"}};
  kTextOutput.refused(bad.page, diagnostics, 5);
  CHECK(bad.out.str().empty());
  CHECK(bad.err.str() ==
        "a.toml:3:7: no such verdict\nb.toml: Permission denied\n"
        "tollgate: the new policy has 7 errors (the first 2 are listed); the old one stays in force\n");
  kJsonOutput.refused(json.page, diagnostics, 5);
  CHECK(json.out.str() ==
        R"({"diagnostics":[{"file":"a.toml","line":3,"column":7,"message":"no such verdict"},)"
        R"({"file":"b.toml","line":0,"column":0,"message":"Permission denied"}],"omitted":5})"
        "\n");
}

TEST_CASE("output: lines of lists that were skipped are no errors") {
  CheckResult result;
  result.files = {{"policy", "p.toml", "1 rule, 1 list"}};
  result.skipped = {{"bad.txt", 2, 1, "not an address"}};
  Printed text, json;
  kTextOutput.checked(text.page, result);
  CHECK(text.err.str() == "bad.txt:2:1: not an address (skipped)\n");
  CHECK(text.out.str() == "policy p.toml: 1 rule, 1 list\n");
  kJsonOutput.checked(json.page, result);
  CHECK(json.out.str() == R"({"checked":[{"kind":"policy","path":"p.toml"}],"diagnostics":[],)"
                          R"("skipped":[{"file":"bad.txt","line":2,"column":1,"message":"not an address"}]})"
                          "\n");
}

TEST_CASE("output: an explanation") {
  Printed printed;
  kTextOutput.explanation(printed.page, samples::explain_request(), samples::explanation());
  CHECK(printed.out.str() ==
        "inbound udp 10.0.0.1:1 > 10.0.0.2:53 for x.org\n"
        "MATCH  RULE    WHERE     WHY\n"
        "no     no web  a.toml:3  port 53 is not 443\n"
        "yes    dns     a.toml:9  matches\n"
        "permanent-accept, by rule \"dns\" (stage link)\n");
  Printed no_rule;
  Explanation none;
  none.verdict = "permanent-block";
  none.stage = "link";
  kTextOutput.explanation(no_rule.page, samples::explain_request(), none);
  CHECK(no_rule.out.str() ==
        "inbound udp 10.0.0.1:1 > 10.0.0.2:53 for x.org\n"
        "permanent-block, the default: no rule matches (stage link)\n");
}

TEST_CASE("output: check") {
  Printed printed;
  kTextOutput.checked(printed.page, {{{"configuration", "t.toml", "good"}, {"policy", "p.d", ""}},
                                     {{"p.d/a.toml", 1, 2, "unknown key"}},
                                     {}});
  CHECK(printed.out.str() == "configuration t.toml: good\n");
  CHECK(printed.err.str() == "p.d/a.toml:1:2: unknown key\ntollgate: 1 error\n");
}

TEST_CASE("output: replay") {
  Printed printed;
  const auto list = kTextOutput.replayed(printed.page);
  FlowEntry flow = samples::pending_flow();
  flow.packets = 3;
  flow.bytes = 252;
  flow.domain = "xn--mnchen-3ya.example";
  flow.protocol_seen = "dns";
  list->add(flow);
  list->finish();
  ReplaySummary summary;
  summary.packets = 3;
  summary.flows = 1;
  summary.other_frames = 2;
  summary.verdicts = {{"drop", 3}};
  kTextOutput.summary(printed.page, summary);
  CHECK(printed.out.str() ==
        "ID  STATE    VERDICT  DIRECTION  PROTOCOL  SOURCE    DESTINATION             INTERFACE  UID"
        "  DOMAIN           SPEAKS  PACKETS  BYTES  RULE\n"
        "43  pending  -        inbound    icmp      10.0.0.2  10.0.0.1 type 8 code 0                "
        "  münchen.example  dns           3    252\n"
        "3 packets, 1 flow, 2 frames without IP\n"
        "verdicts: drop 3\n");
}

TEST_CASE("output: domains are shown readable where that is safe") {
  CHECK(readable_domain("xn--mnchen-3ya.example") == "münchen.example");
  CHECK(readable_domain("www.example.org") == "www.example.org");
  CHECK(readable_domain("") == "");
  CHECK(readable_domain("xn--a.example") == "xn--a.example");  // no IDNA
  CHECK(readable_domain("_service._tcp.example") == "_service._tcp.example");
  CHECK(readable_domain("a\\032b.local") == "a\\032b.local");
}

TEST_CASE("output: verdicts in colour say whether it passes") {
  Printed printed;
  printed.page.colour = true;
  FlowEntry flow = samples::flow();
  for (const char* verdict : {"accept", "permanent-drop", "reroute-tunnel"}) {
    flow.verdict = verdict;
    kTextOutput.change(printed.page, {"decided", flow});
  }
  const std::string text = printed.out.str();
  CHECK(text.find("\x1b[32maccept\x1b[0m") != std::string::npos);
  CHECK(text.find("\x1b[31mpermanent-drop\x1b[0m") != std::string::npos);
  CHECK(text.find("\x1b[33mreroute-tunnel\x1b[0m") != std::string::npos);
}
