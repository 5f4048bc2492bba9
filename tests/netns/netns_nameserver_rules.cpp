// SPDX-License-Identifier: GPL-2.0-or-later
// Questions and answers that the rules refuse: by the asking program, the name, what it stands for, its
// addresses.
#include "name_world.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

std::string rules(const std::string& more) {
  return accepting_defaults() +
         rule("dns", "reroute-nameserver", "direction = \"outbound\"\nport = \"udp/53\"") + more;
}

std::string ads() {
  return rule("ads", "permanent-block", "direction = \"outbound\"\ndomain = \"*.ads.example.org\"");
}

struct World {
  explicit World(const std::string& more, const std::string& keys = "")
      : daemon{net.host,
               {rules(more), "",
                own_nameserver("upstreams = [\"" + kPeer.v4 + "\"]\n" + keys) + kOwnersMatter}} {}
  std::string ask(std::vector<std::string> what) const { return dig(net.host, kNobody.v4, std::move(what)); }
  std::uint64_t blocked() const { return daemon.status().nameserver.at("blocked"); }

  Topology net;
  AuthoritativeServer server{net.peer, kPeer};
  DaemonUnderTest daemon;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("a refused name is refused at the question, and nobody else is asked for it") {
  TOLLGATE_NEEDS("nsd", "dig");
  const World world{ads()};
  const std::string refused = world.ask({"x.ads.example.org"});
  CHECK(has(refused, "status: NXDOMAIN"));
  CHECK(has(refused, "EDE: 15 (Blocked): (rule \"ads\")"));
  CHECK(world.daemon.status().reasons.count("own") == 1);
  CHECK(world.daemon.status().reasons.at("own") == 0);
  CHECK(has(world.ask({"www.example.org"}), "192.0.2.80"));
  CHECK(world.blocked() == 1);
  const std::string log = world.daemon.log();
  INFO(log);
  CHECK(has(log, "permanent-block outbound udp 10.77.0.1:"));
  CHECK(has(log, "> 192.0.2.53:53 (x.ads.example.org)"));
  CHECK(has(log, "/dig["));
  CHECK(has(log, "rule \"ads\" (before-resolving)"));
}

TEST_CASE("refusals as configured: no address, or REFUSED") {
  TOLLGATE_NEEDS("nsd", "dig");
  {
    const World world{ads(), "refused_names = \"zero\"\n"};
    CHECK(has(world.ask({"x.ads.example.org", "+short"}), "0.0.0.0"));
    CHECK(world.ask({"x.ads.example.org", "AAAA", "+short"}) == "::\n");
    CHECK(has(world.ask({"x.ads.example.org", "MX"}), "status: NOERROR"));
  }
  const World world{ads(), "refused_names = \"refused\"\n"};
  CHECK(has(world.ask({"x.ads.example.org"}), "status: REFUSED"));
}

TEST_CASE("what a name stands for is looked at, and where it is") {
  TOLLGATE_NEEDS("nsd", "dig");
  const World world{
      ads() + rule("own names", "permanent-accept", "domain = \"*.home.example.org\"") +
      rule("rebinding", "permanent-block", "stage = \"after-resolving\"\nscope = [\"host\", \"lan\"]") +
      rule("listed", "permanent-block", "direction = \"outbound\"\ndestination = \"203.0.113.0/24\"")};
  CHECK(has(world.ask({"indirect.example.org"}), "EDE: 15 (Blocked): (rule \"ads\")"));
  CHECK(has(world.ask({"router.example.org"}), "EDE: 15 (Blocked): (rule \"rebinding\")"));
  CHECK(has(world.ask({"nas.home.example.org"}), "192.168.1.2"));
  CHECK(has(world.ask({"listed.example.org"}), "EDE: 15 (Blocked): (rule \"listed\")"));
  CHECK(world.blocked() == 3);
  CHECK(has(world.daemon.log(), "rule \"rebinding\" (after-resolving)"));
}

TEST_CASE("questions are refused by their type, and by who asks") {
  TOLLGATE_NEEDS("nsd", "dig", "curl");
  const std::string dig_path = *find_program("dig");
  const World world{
      rule("no text", "block", "query_type = \"TXT\"") +
      rule("not dig", "block",
           "stage = \"before-resolving\"\ndomain = \"alias.example.org\"\nprocess = \"" + dig_path + "\"")};
  CHECK(has(world.ask({"long.example.org", "TXT", "+notcp"}), "(rule \"no text\")"));
  CHECK(has(world.ask({"long.example.org", "A"}), "status: NOERROR"));
  CHECK(has(world.ask({"alias.example.org"}), "(rule \"not dig\")"));
}

TEST_CASE("a flow to an answered address has the name that was asked for") {
  TOLLGATE_NEEDS("nsd", "dig");
  const World world{
      rule("the web server", "permanent-block", "domain = \"www.example.org\"\nport = \"tcp/80\"")};
  REQUIRE(has(world.ask({"www.example.org"}), "192.0.2.80"));
  const Inside host{world.net.host};
  CHECK(talk(Transport::tcp, {"192.0.2.80", 80}) == ECONNREFUSED);
  CHECK(world.daemon.flow_to(80).domain == "www.example.org");
}

}  // namespace
