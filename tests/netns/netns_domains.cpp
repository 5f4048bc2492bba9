// SPDX-License-Identifier: GPL-2.0-or-later
// Rules by name: a real resolver's answers, real connections to what it said.
#include <cerrno>
#include <string>
#include <vector>

#include "nameserver.hpp"
#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

// A DNS server on the peer. Two names for the peer's first pair of addresses, one for the second.
Process names_server(const NetworkNamespace& where) {
  std::vector<std::string> knows;
  const auto name = [&](const std::string& of, const Addresses& addresses) {
    for (std::string& option : answers(of, addresses)) knows.push_back(std::move(option));
  };
  name("ads.example", kPeer);
  name("xn--bcher-kva.example", kPeer);
  name("good.test", kOther);
  return nameserver(where, kPeer, 53, knows);
}

// Asks for both addresses of the name.
void resolve(const NetworkNamespace& from, const std::string& name, const std::string& how = "+notcp") {
  for (const char* type : {"A", "AAAA"}) {
    const Finished asked = in(from, [&] {
      return run({"dig", "@" + kPeer.v4, "+short", "+tries=3", "+time=20", how, name, type});
    });
    INFO(asked.output);
    REQUIRE(asked.output.size() > 4);
  }
}

void check_talk(const NetworkNamespace& from, const Addresses& to, int expected) {
  for (const std::string& address : to.both()) {
    INFO(address);
    CHECK(in(from, [&] { return talk(Transport::tcp, {address, kPort}); }) == expected);
  }
}

std::string listed(const std::string& verdict) {
  return accepting_defaults() + "[list.ads]\ndomains = \"ads.txt\"\n" +
         rule("ads", verdict,
              "direction = \"outbound\"\nport = " + std::to_string(kPort) + "\ndomain = \"@ads\"");
}

TEST_CASE("what a listed name stands for is refused, by either way to ask") {
  TOLLGATE_NEEDS("dnsmasq", "dig");
  for (const char* how : {"+notcp", "+tcp"}) {
    INFO(how);
    Scene scene{{listed("permanent-block")}, DaemonUnderTest::Start::later};
    const Process server = names_server(scene.net.peer);
    scene.daemon.write_list("ads.txt", "||ads.example^\n@@||good.ads.example^\n");
    scene.daemon.start();
    check_talk(scene.net.host, kPeer, 0);  // nobody asked for a name
    resolve(scene.net.host, "good.ads.example", how);
    check_talk(scene.net.host, kPeer, 0);
    resolve(scene.net.host, "www.ads.example", how);
    check_talk(scene.net.host, kPeer, ECONNREFUSED);
    resolve(scene.net.host, "good.test", how);
    check_talk(scene.net.host, kOther, 0);
    std::size_t named = 0;
    for (const FlowEntry& flow : scene.daemon.flows()) {
      if (flow.rule != "ads") continue;
      ++named;
      CHECK(flow.domain == "www.ads.example");
      CHECK(flow.domain_source == "dns");
    }
    CHECK(named == 2);
  }
}

TEST_CASE("a rule is written readable and matched canonical; what is registered counts; explain agrees") {
  TOLLGATE_NEEDS("dnsmasq", "dig");
  const std::string port = "direction = \"outbound\"\nport = " + std::to_string(kPort) + '\n';
  Scene scene{
      {accepting_defaults() + rule("books", "permanent-block", port + "domain = \"*.BÜCHER.example\"") +
       rule("good", "permanent-block", port + "registrable_domain = \"good.test\"\nname_source = \"dns\"")}};
  const Process server = names_server(scene.net.peer);
  resolve(scene.net.host, "www.xn--bcher-kva.example");
  check_talk(scene.net.host, kPeer, ECONNREFUSED);
  check_talk(scene.net.host, kOther, 0);
  resolve(scene.net.host, "a.b.good.test");
  check_talk(scene.net.host, kOther, ECONNREFUSED);
  const auto explained = [&](const std::string& domain) {
    return scene.daemon
        .tollgate({"explain", "--destination", kPeer.v4, "--port", std::to_string(kPort), "--domain", domain})
        .output;
  };
  CHECK(explained("www.bücher.example").find("permanent-block, by rule \"books\"") != std::string::npos);
  CHECK(explained("c.good.test").find("permanent-block, by rule \"good\"") != std::string::npos);
  CHECK(explained("good.example").find("permanent-accept, the default") != std::string::npos);
  // At run time, too.
  resolve(scene.net.host, "ads.example");
  check_talk(scene.net.host, kPeer, 0);
  REQUIRE(
      scene.daemon.tollgate({"rule", "add", "name=added", "domain=ads.example", "verdict=permanent-block"})
          .status == 0);
  check_talk(scene.net.host, kPeer, ECONNREFUSED);
  CHECK(scene.daemon.tollgate({"rule", "add", "domain=a..b", "verdict=drop"}).status != 0);
}

TEST_CASE("a list of names that changes on disk cuts what it names by then, and nothing else") {
  TOLLGATE_NEEDS("dnsmasq", "dig");
  Scene scene{{listed("permanent-block")}, DaemonUnderTest::Start::later};
  const Process server = names_server(scene.net.peer);
  scene.daemon.write_list("ads.txt", "ads.example\n");
  scene.daemon.start();
  resolve(scene.net.host, "www.ads.example");
  resolve(scene.net.host, "good.test");
  const Socket cut = outbound(scene, kPeer.v4).open(Transport::tcp);
  const Socket stays = outbound(scene, kOther.v4).open(Transport::tcp);
  REQUIRE(exchange(cut, Transport::tcp) == 0);
  REQUIRE(exchange(stays, Transport::tcp) == 0);
  scene.daemon.write_list("ads.txt", "*.ads.example\nno line of a list\n");  // refused: the old one holds
  wait_until("the refusal", [&] {
    return scene.daemon.log().find("ads.txt:2:1: \"no line of a list\"") != std::string::npos;
  });
  REQUIRE(exchange(cut, Transport::tcp) == 0);
  scene.daemon.write_list("ads.txt", "*.ads.example\n");
  wait_until("the cut", [&] { return exchange(cut, Transport::tcp) != 0; });
  REQUIRE(exchange(stays, Transport::tcp) == 0);
  check_talk(scene.net.host, kPeer, ECONNREFUSED);
}

TEST_CASE("after a restart no name is known: a policy says what becomes of such connections") {
  TOLLGATE_NEEDS("dnsmasq", "dig");
  const std::string strict = "[default]\noutbound = \"permanent-block\"\ninbound = \"permanent-accept\"\n" +
                             rule("dns", "permanent-accept", "port = 53") +
                             rule("good", "permanent-accept", "domain = [\"good.test\", \"*.good.test\"]");
  const std::string keeping =
      strict + rule("of the daemon before", "permanent-accept", "domain = \"unknown\"\nreauthorize = true");
  for (const bool keeps : {true, false}) {
    INFO(keeps);
    Scene scene{{strict}};
    const Process server = names_server(scene.net.peer);
    resolve(scene.net.host, "good.test");
    const Socket socket = outbound(scene, kOther.v4).open(Transport::tcp);
    REQUIRE(exchange(socket, Transport::tcp) == 0);
    scene.daemon.stop();
    scene.daemon.start();
    REQUIRE(exchange(socket, Transport::tcp) == 0);
    scene.daemon.write_policy((keeps ? keeping : strict) + rule("other", "permanent-block", "port = 9"));
    scene.daemon.hang_up();
    if (keeps) CHECK(exchange(socket, Transport::tcp) == 0);
    if (!keeps) wait_until("the cut", [&] { return exchange(socket, Transport::tcp) != 0; });
    // The name is asked for again: then it counts again.
    resolve(scene.net.host, "good.test");
    check_talk(scene.net.host, kOther, 0);
  }
}

}  // namespace
