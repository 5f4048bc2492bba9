// SPDX-License-Identifier: GPL-2.0-or-later
// What a policy means once it is loaded. What is refused: golden/.
#include "catch.hpp"
#include "memory_sources.hpp"

namespace tollgate {
namespace {

constexpr PolicyFeatures kAll{true, true, true, true};

PolicyPointer good(const std::string& text, const PolicyFeatures& features = kAll) {
  auto policy = load_text(text, features);
  if (!policy) FAIL(policy.error().front().to_string());
  return *policy;
}

Prefix prefix(const char* text) { return Prefix::parse(text).value(); }

Evidence tcp(const char* source, const char* destination, std::uint16_t port) {
  Evidence seen;
  const IpAddress from = IpAddress::parse(source).value();
  seen.tuple.family = from.family();
  seen.tuple.source = from.bytes();
  seen.tuple.destination = IpAddress::parse(destination).value().bytes();
  seen.tuple.source_port = 40000;
  seen.tuple.destination_port = port;
  return seen;
}

std::string why(const std::string& rule, const Evidence& seen) {
  return good("[[rule]]\nverdict = \"accept\"\n" + rule)->explain(seen).at(0).why;
}

TEST_CASE("a directory without a policy file is refused") {
  struct : MemorySources {
    Result<std::vector<std::string>, Diagnostic> policy_files(const std::string&) override {
      return std::vector<std::string>{};
    }
  } nothing;
  const auto policy = load_policy("/etc/tollgate/policy.d", kAll, nothing);
  REQUIRE_FALSE(policy.ok());
  CHECK(policy.error() ==
        Diagnostics{{"/etc/tollgate/policy.d", 0, 0, "holds no policy: not one *.toml file is there"}});
}

TEST_CASE("an empty policy has the defaults") {
  const PolicyPointer policy = good("");
  CHECK(policy->rules().empty());
  CHECK(policy->lists().empty());
  CHECK(policy->default_verdict(Direction::outbound) == Verdict::permanent_accept);
  CHECK(policy->default_verdict(Direction::inbound) == Verdict::permanent_block);
  CHECK(policy->default_verdict(Direction::forward) == Verdict::permanent_drop);
  CHECK(policy->match(tcp("10.0.0.1", "10.0.0.2", 80)).match == Match::no);
  CHECK(policy->explain(tcp("10.0.0.1", "10.0.0.2", 80)).empty());
}

TEST_CASE("defaults are those of the files, each where it is set") {
  const PolicyPointer policy = good("[default]\noutbound = \"block\"\nforward = \"accept\"\n");
  CHECK(policy->default_verdict(Direction::outbound) == Verdict::block);
  CHECK(policy->default_verdict(Direction::inbound) == Verdict::permanent_block);
  CHECK(policy->default_verdict(Direction::forward) == Verdict::accept);
}

TEST_CASE("every field of a rule is read") {
  const PolicyPointer policy = good(R"([list.home]
entries = ["10.0.0.0/8", "fd00::/8"]
[[rule]]
name = "all of it"
direction = ["outbound", "forward"]
protocol = ["tcp", "udp", 132]
port = [443, "80", "8000-8999", "tcp/22", "udp/1000-2000"]
source_port = "1024-65535"
source = ["10.0.0.1", "fd00::/8"]
destination = "192.0.2.0/24"
address = ["@home", "0.0.0.0/0"]
scope = ["lan", "multicast"]
interface = ["eth*", "unknown"]
user = ["alice", 7, "33"]
group = ["staff", "unknown"]
reauthorize = false
verdict = "permanent-drop"
)");
  const Rule& rule = policy->rules()[0];
  CHECK(rule.name == "all of it");
  CHECK(rule.file == "policy.toml");
  CHECK(rule.line == 3);
  CHECK(rule.directions.contains(Direction::outbound));
  CHECK_FALSE(rule.directions.contains(Direction::inbound));
  CHECK(rule.directions.contains(Direction::forward));
  CHECK(rule.protocols == std::vector{Protocol::tcp, Protocol::udp, Protocol::sctp});
  CHECK(rule.ports == std::vector<PortRange>{{{}, 443, 443},
                                             {{}, 80, 80},
                                             {{}, 8000, 8999},
                                             {Protocol::tcp, 22, 22},
                                             {Protocol::udp, 1000, 2000}});
  CHECK(rule.source_ports == std::vector<PortRange>{{{}, 1024, 65535}});
  CHECK(rule.source == AddressMatch{{prefix("10.0.0.1"), prefix("fd00::/8")}, {}});
  CHECK(rule.destination == AddressMatch{{prefix("192.0.2.0/24")}, {}});
  CHECK(rule.address == AddressMatch{{prefix("0.0.0.0/0")}, {ListId{0}}});
  CHECK(rule.scopes == std::vector{Scope::lan, Scope::multicast});
  CHECK(rule.interfaces == FieldMatch<std::string>{{"eth*"}, true});
  CHECK(rule.users == FieldMatch<std::uint32_t>{{1000, 7, 33}, false});
  CHECK(rule.groups == FieldMatch<std::uint32_t>{{50}, true});
  CHECK(rule.reauthorize == false);
  CHECK(rule.verdict == Verdict::permanent_drop);
  CHECK(rule.stage == Stage::link);
  CHECK(policy->lists() == std::vector<std::string>{"home"});
}

TEST_CASE("a rule can be for any peer of a socket") {
  const PolicyPointer policy = good(R"([[rule]]
direction = ["outbound", "inbound"]
protocol = "udp"
user = "alice"
peers = "any"
verdict = "permanent-accept"
[[rule]]
verdict = "permanent-accept"
)");
  CHECK(policy->rules()[0].any_peer);
  CHECK_FALSE(policy->rules()[1].any_peer);
}

TEST_CASE("a rule without a name is called by its place, and has every direction") {
  MemorySources sources;
  sources.files["/etc/p/20-x.toml"] = "\n[[rule]]\nverdict = \"drop\"\n";
  const auto policy = load_policy("/etc/p/", {}, sources);
  REQUIRE(policy.ok());
  const Rule& rule = (*policy)->rules()[0];
  CHECK(rule.name == "20-x.toml:2");
  for (const Direction direction : {Direction::outbound, Direction::inbound, Direction::forward}) {
    CHECK(rule.directions.contains(direction));
  }
}

TEST_CASE("the stage is communication unless the link is spoken of") {
  const auto stage = [](const std::string& field) {
    return good("[[rule]]\nverdict = \"drop\"\n" + field)->rules()[0].stage;
  };
  for (const char* field : {"", "user = 0", "group = 0", "destination = \"::1\"", "address = \"::1\"",
                            "direction = \"inbound\"", "reauthorize = true", "scope = \"lan\""}) {
    CAPTURE(field);
    CHECK(stage(field) == Stage::communication);
  }
  for (const char* field :
       {"protocol = \"tcp\"", "port = 1", "source_port = 1", "source = \"::1\"", "interface = \"eth0\""}) {
    CAPTURE(field);
    CHECK(stage(field) == Stage::link);
  }
}

TEST_CASE("files are read in order, and a rule may name a list of a later one") {
  MemorySources sources;
  sources.files["p/10.toml"] = "[[rule]]\nname = \"a\"\nsource = \"@late\"\nverdict = \"drop\"\n";
  sources.files["p/20.toml"] =
      "[list.late]\naddresses = \"lists/x\"\n[[rule]]\nname = \"b\"\nverdict = \"accept\"\n";
  sources.files["p/lists/x"] = "10.0.0.0/8\n";
  const auto policy = load_policy("p/", {}, sources);
  REQUIRE(policy.ok());
  CHECK((*policy)->rules()[0].name == "a");
  CHECK((*policy)->rules()[1].name == "b");
  CHECK((*policy)->match(tcp("10.9.9.9", "1.1.1.1", 80)).rule == 0);
  CHECK((*policy)->match(tcp("11.9.9.9", "1.1.1.1", 80)).rule == 1);
}

TEST_CASE("what cannot be read is a diagnostic of its own, and the rest is still checked") {
  MemorySources sources;
  const auto missing = load_policy("nowhere/", {}, sources);
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error() == Diagnostics{{"nowhere/", 0, 0, "No such file or directory"}});
  sources.files["p/1.toml"] = "[[rule]\n";
  sources.files["p/2.toml"] = "x = 1\n";
  const auto both = load_policy("p/", {}, sources);
  REQUIRE_FALSE(both.ok());
  REQUIRE(both.error().size() == 2);
  CHECK(both.error()[0].file == "p/1.toml");
  CHECK(both.error()[1].to_string() == "p/2.toml:1:1: unknown key \"x\"");
}

TEST_CASE("the first rule that matches decides, and one that waits hides those below") {
  const PolicyPointer policy = good(R"([[rule]]
user = "alice"
port = 80
verdict = "accept"
[[rule]]
port = [80, 443]
verdict = "drop"
[[rule]]
verdict = "block"
)");
  Evidence seen = tcp("10.0.0.1", "10.0.0.2", 80);
  seen.uid = 1000;
  CHECK(policy->match(seen).rule == 0);
  seen.uid = 1001;
  CHECK(policy->match(seen).rule == 1);
  seen.uid = {};
  CHECK(policy->match(seen).rule == 1);
  seen.uid = Known<std::uint32_t>::awaited();
  CHECK(policy->match(seen).match == Match::unknown);
  CHECK(policy->match(seen).rule == 0);
  // The port settles it without the user.
  seen.tuple.destination_port = 443;
  CHECK(policy->match(seen).match == Match::yes);
  CHECK(policy->match(seen).rule == 1);
  seen.tuple.destination_port = 22;
  CHECK(policy->match(seen).rule == 2);
}

TEST_CASE("a rule about first bytes waits for them alone, and one that lets pass demands encryption") {
  const PolicyPointer policy = good(R"([[rule]]
sni = ["b.example", "*.b.example"]
verdict = "block"
[[rule]]
port = 443
encrypted = true
verdict = "permanent-accept"
[[rule]]
encrypted = true
verdict = "drop"
)");
  CHECK(asks_for_first_bytes(*policy));
  CHECK(policy->rules()[0].stage == Stage::inspection);
  Evidence seen = tcp("10.0.0.1", "10.0.0.2", 443);
  seen.findings = Known<const Findings*>::awaited();
  seen.encrypted = seen.name_mismatch = Known<bool>::awaited();
  CHECK(policy->match(seen).match == Match::inspects);
  CHECK(policy->match(seen).rule == 0);
  Findings said;
  said.sni = "www.b.example";
  seen.findings = &said;
  seen.encrypted = true;
  CHECK(policy->match(seen).rule == 0);
  said.sni = "a.example";
  CHECK(policy->match(seen).rule == 1);
  CHECK(given_verdict(policy->rules()[1], seen) == Verdict::permanent_accept);
  seen.encrypted = false;
  CHECK(policy->match(seen).match == Match::yes);
  CHECK(policy->match(seen).rule == 1);
  CHECK(given_verdict(policy->rules()[1], seen) == Verdict::permanent_block);
  // In a rule that refuses it is a field like any other.
  seen.tuple.destination_port = 80;
  CHECK(policy->match(seen).match == Match::no);
  seen.encrypted = true;
  CHECK(policy->match(seen).rule == 2);
  // Nobody looked.
  seen.findings = {};
  seen.encrypted = {};
  CHECK(policy->match(seen).match == Match::no);
  CHECK_FALSE(asks_for_first_bytes(*good("[[rule]]\nport = 1\nverdict = \"drop\"\n")));
}

TEST_CASE("the remote end is the destination, and of inbound flows the source") {
  const PolicyPointer policy = good("[[rule]]\naddress = \"192.0.2.0/24\"\nverdict = \"drop\"\n");
  Evidence seen = tcp("10.0.0.1", "192.0.2.1", 80);
  for (const Direction direction : {Direction::outbound, Direction::forward, Direction::inbound}) {
    seen.direction = direction;
    const Match expected = direction == Direction::inbound ? Match::no : Match::yes;
    CHECK(policy->match(seen).match == expected);
  }
  std::swap(seen.tuple.source, seen.tuple.destination);
  CHECK(policy->match(seen).match == Match::yes);
}

TEST_CASE("the scope is that of the remote end") {
  const PolicyPointer policy = good("[[rule]]\nscope = [\"internet\", \"multicast\"]\nverdict = \"drop\"\n");
  Evidence seen = tcp("10.0.0.1", "192.0.2.1", 80);
  for (const Direction direction : {Direction::outbound, Direction::forward, Direction::inbound}) {
    seen.direction = direction;
    CHECK(policy->match(seen).match == (direction == Direction::inbound ? Match::no : Match::yes));
  }
  seen = tcp("192.0.2.1", "10.0.0.1", 80);
  CHECK(policy->match(seen).match == Match::no);
  CHECK(policy->match(tcp("10.0.0.1", "224.0.0.251", 80)).match == Match::yes);
}

TEST_CASE("broken lines of a list are skipped where it says so, and named") {
  MemorySources sources;
  sources.files["bad.txt"] = "10.0.0.1\nnonsense\n10.0.0.3\n";
  const auto load = [&](const std::string& keys) {
    sources.files["policy.toml"] =
        "[list.l]\naddresses = \"bad.txt\"\n" + keys + "[[rule]]\ndestination = \"@l\"\nverdict = \"drop\"\n";
    return load_policy("policy.toml", {}, sources);
  };
  const Diagnostics named{{"bad.txt", 2, 1, "\"nonsense\" is not an address or a network"}};
  CHECK(load("").error() == named);
  CHECK(load("broken_lines = \"refuse\"\n").error() == named);
  const auto policy = load("broken_lines = \"skip\"\n");
  REQUIRE(policy.ok());
  const auto skipped = (*policy)->skipped();
  CHECK(Diagnostics(skipped.begin(), skipped.end()) == named);
  CHECK((*policy)->match(tcp("10.0.0.9", "10.0.0.3", 80)).match == Match::yes);
  CHECK(load("broken_lines = \"ignore\"\n").error().at(0).message ==
        "list.l.broken_lines must be \"refuse\" or \"skip\", not \"ignore\"");
}

TEST_CASE("countries and autonomous systems are those of the remote end") {
  MemorySources sources;
  sources.files["/p/places.mmdb"] = "192.0.2.0/24 DE 64500\n198.51.100.0/24 FR -\n2001:db8::/32 - 64501\n";
  const auto first_rule = [&](const std::string& field, const Evidence& seen) {
    sources.files["/p/policy.toml"] =
        "[places]\ncountry = \"places.mmdb\"\nasn = \"places.mmdb\"\n[[rule]]\nverdict = \"drop\"\n" + field;
    const auto policy = load_policy("/p/policy.toml", {}, sources);
    if (!policy) FAIL(policy.error().at(0).to_string());
    return (*policy)->match(seen).match == Match::yes;
  };
  const Evidence german = tcp("10.0.0.1", "192.0.2.1", 80), french = tcp("10.0.0.1", "198.51.100.1", 80),
                 nowhere = tcp("10.0.0.1", "10.0.0.2", 80);
  CHECK(first_rule("country = \"de\"", german));
  CHECK_FALSE(first_rule("country = \"DE\"", french));
  CHECK(first_rule("country = [\"DE\", \"FR\"]", french));
  CHECK_FALSE(first_rule("country = [\"DE\", \"FR\"]", nowhere));
  CHECK(first_rule("country = \"unknown\"", nowhere));
  CHECK_FALSE(first_rule("country = \"unknown\"", german));
  CHECK(first_rule("asn = [1, 64500]", german));
  CHECK(first_rule("asn = \"AS64500\"", german));
  CHECK_FALSE(first_rule("asn = 64500", french));
  CHECK(first_rule("asn = \"unknown\"", french));
  CHECK(first_rule("asn = 64501\ncountry = \"unknown\"", tcp("2001:db8:1::1", "2001:db8::1", 80)));
  Evidence inbound = german;
  inbound.direction = Direction::inbound;
  CHECK_FALSE(first_rule("country = \"DE\"", inbound));
  std::swap(inbound.tuple.source, inbound.tuple.destination);
  CHECK(first_rule("country = \"DE\"", inbound));
}

TEST_CASE("another edition of the places is another policy") {
  const auto load = [](const std::string& places, const std::string& rule) {
    MemorySources sources;
    sources.files["a.mmdb"] = places;
    sources.files["policy.toml"] =
        "[places]\ncountry = \"a.mmdb\"\n[[rule]]\nname = \"r\"\nverdict = \"drop\"\n" + rule;
    const auto policy = load_policy("policy.toml", {}, sources);
    if (!policy) FAIL(policy.error().at(0).to_string());
    return *policy;
  };
  const auto same = [](const PolicyPointer& a, const PolicyPointer& b) {
    return a->same_layer(*b, Direction::outbound, Family::ipv4);
  };
  const std::string one = "192.0.2.0/24 DE -\n", other = "192.0.2.0/24 FR -\n", rule = "country = \"DE\"\n";
  CHECK(same(load(one, rule), load(one, rule)));
  CHECK_FALSE(same(load(one, rule), load(other, rule)));
  CHECK(same(load(one, "scope = \"lan\""), load(other, "scope = \"lan\"")));
  CHECK_FALSE(same(load(one, "scope = \"lan\""), load(one, "scope = \"host\"")));
}

TEST_CASE("ports are of protocols that have them: an ICMP type is none") {
  const PolicyPointer policy = good("[[rule]]\nport = 2048\nverdict = \"drop\"\n");
  Evidence seen = tcp("10.0.0.1", "10.0.0.2", 2048);
  CHECK(policy->match(seen).match == Match::yes);
  seen.tuple.protocol = Protocol::icmp;  // echo request: type 8, code 0
  CHECK(policy->match(seen).match == Match::no);
}

TEST_CASE("explanations say why") {
  const Evidence seen = tcp("10.0.0.1", "10.0.0.2", 80);
  CHECK(why("", seen) == "matches");
  CHECK(why("direction = \"inbound\"", seen) == "direction is outbound");
  CHECK(why("protocol = [\"udp\", \"icmp\"]", seen) == "protocol tcp is none of udp, icmp");
  CHECK(why("port = \"tcp/443\"", seen) == "port tcp/80 is not tcp/443");
  CHECK(why("port = [1, 2, 3, 4, 5, \"6-9\"]", seen) == "port tcp/80 is none of 1, 2, 3, 4 and 2 more");
  CHECK(why("source_port = 1", seen) == "source port tcp/40000 is not 1");
  CHECK(why("source = \"10.0.0.2\"", seen) == "source 10.0.0.1 is not 10.0.0.2/32");
  CHECK(why("destination = \"@l\"\n[list.l]\nentries = \"::1\"", seen) == "destination 10.0.0.2 is not @l");
  CHECK(why("scope = [\"host\", \"internet\"]", seen) == "scope lan is none of host, internet");
  CHECK(why("country = \"unknown\"\n[places]\ncountry = \"p\"", seen) == "country DE is not unknown");
  CHECK(why("country = [\"FR\", \"IT\"]\n[places]\ncountry = \"p\"", seen) == "country DE is none of FR, IT");
  CHECK(why("asn = 7\n[places]\nasn = \"p\"", seen) == "asn 64500 is not 7");
  CHECK(why("interface = \"eth*\"", seen) == "interface is unknown");
  CHECK(why("user = 7", seen) == "user is unknown");
  CHECK(why("user = \"unknown\"", seen) == "matches");
  CHECK(why("reauthorize = true", seen) == "is asked for the first time");
  Evidence more = seen;
  more.interface = std::string_view{"wlan0"};
  more.uid = 8;
  more.gid = Known<std::uint32_t>::awaited();
  more.reauthorize = true;
  CHECK(why("interface = [\"eth*\", \"unknown\"]", more) == "interface wlan0 is none of eth*, unknown");
  CHECK(why("user = 7", more) == "user 8 is not 7");
  CHECK(why("group = 7", more) == "waits for the group");
  CHECK(why("group = 7\nuser = 7", more) == "user 8 is not 7");
  CHECK(why("reauthorize = false", more) == "is asked again");
  more.tuple.protocol = Protocol::gre;
  CHECK(why("port = 1", more) == "protocol gre has no ports");
}

TEST_CASE("rules by program, unit and what else is known of a process") {
  const PolicyPointer policy = good(R"([[rule]]
process = ["/usr/bin/curl", "/opt/*"]
unit = "a.service"
verdict = "accept"
[[rule]]
parent = "/usr/bin/bash"
verdict = "block"
[[rule]]
process = "kernel"
verdict = "drop"
[[rule]]
container = "unknown"
process = "unknown"
verdict = "permanent-drop"
)");
  Evidence seen = tcp("10.0.0.1", "10.0.0.2", 80);
  const auto matched = [&]() -> int {
    const FirstMatch first = policy->match(seen);
    return first.match == Match::yes ? static_cast<int>(first.rule) : first.match == Match::no ? -1 : -2;
  };
  Process process;
  process.source = ProcessSource::ebpf;
  seen.process = &process;
  process.path = "/usr/bin/curl";
  CHECK(matched() == -1);
  process.group.unit = "a.service";
  CHECK(matched() == 0);
  process.path = "/opt/a/b";
  CHECK(matched() == 0);
  process.path = "/usr/bin/curlx";
  CHECK(matched() == -1);
  process.ancestors = {{{}, "/usr/bin/make"}, {{}, "/usr/bin/bash"}};
  CHECK(matched() == 1);
  Process kernel;
  kernel.source = ProcessSource::kernel;
  seen.process = &kernel;
  CHECK(matched() == 2);
  seen.process = {};
  CHECK(matched() == 3);
  seen.process = Known<const Process*>::awaited();
  CHECK(matched() == -2);
}

TEST_CASE("rules by the SHA-256 of a program") {
  const std::string hash(64, 'a'), capitals(64, 'A'), other(64, 'b');
  const PolicyPointer policy = good("[[rule]]\nprocess.sha256 = [\"" + capitals + "\", \"" + other +
                                    "\"]\nverdict = \"accept\"\n"
                                    "[[rule]]\nprocess.path = \"/opt/*\"\nprocess.sha256 = \"unknown\"\n"
                                    "verdict = \"drop\"\n"
                                    "[[rule]]\nprocess = \"/x\"\n\"process.sha256\" = \"" +
                                    hash + "\"\nverdict = \"block\"\n");
  CHECK(asks_for(*policy, ProcessField::sha256));
  CHECK_FALSE(asks_for(*policy, ProcessField::unit));
  Process process;
  process.path = "/opt/x";
  Evidence seen = tcp("10.0.0.1", "10.0.0.2", 80);
  seen.process = &process;
  seen.hash_awaited = true;
  CHECK(policy->match(seen).match == Match::unknown);
  CHECK(policy->match(seen).rule == 0);
  CHECK(why("process.sha256 = \"" + hash + "\"", seen) == "waits for the process.sha256");
  CHECK(why("process = \"/opt/x\"", seen) == "matches");
  seen.hash_awaited = false;
  CHECK(policy->match(seen).match == Match::yes);
  CHECK(policy->match(seen).rule == 1);
  CHECK(why("process.sha256 = \"" + hash + "\"", seen) == "process.sha256 is unknown");
  process.sha256 = hash;
  CHECK(policy->match(seen).rule == 0);
  process.sha256 = std::string(64, 'c');
  CHECK(policy->match(seen).match == Match::no);
  CHECK(why("process.sha256 = \"" + hash + "\"", seen) ==
        "process.sha256 " + process.sha256 + " is not " + hash);
}

TEST_CASE("why a rule by process does not match, or waits") {
  Process process;
  process.path = "/usr/bin/wget";
  Evidence seen = tcp("10.0.0.1", "10.0.0.2", 80);
  seen.process = &process;
  CHECK(why("process = [\"/usr/bin/curl\", \"unknown\"]", seen) ==
        "process /usr/bin/wget is none of /usr/bin/curl, unknown");
  CHECK(why("unit = \"a.service\"", seen) == "unit is unknown");
  seen.process = Known<const Process*>::awaited();
  CHECK(why("parent = \"/bin/sh\"", seen) == "waits for the parent");
}

}  // namespace
}  // namespace tollgate
