// SPDX-License-Identifier: GPL-2.0-or-later
// The daemon's own nameserver: questions of programs are rerouted to it, and it asks servers of the world.
#include "name_world.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

// Nobody but the daemon itself gets out.
std::string only_names() {
  return "[default]\noutbound = \"permanent-block\"\ninbound = \"permanent-accept\"\n" +
         rule("all DNS", "reroute-nameserver", "direction = \"outbound\"\nport = [\"udp/53\", \"tcp/53\"]");
}

DaemonFiles files(const std::string& more) { return {only_names(), "", own_nameserver(more)}; }

std::uint64_t counted(const DaemonUnderTest& daemon, const std::string& what) {
  return daemon.status().nameserver.at(what);
}

TEST_CASE("questions to anybody are answered by the daemon, which asks an authoritative server") {
  TOLLGATE_NEEDS("nsd", "dig");
  const Topology net;
  const AuthoritativeServer world{net.peer, kPeer};
  const DaemonUnderTest daemon{net.host, files("upstreams = [\"" + kPeer.v4 + "\"]\n")};
  for (const std::string& server : {kNobody.v4, kNobody.v6}) {
    for (const char* transport : {"+notcp", "+tcp"}) {
      INFO(server << " " << transport);
      CHECK(dig_short(net.host, server, {"www.example.org", "A", transport}) == "192.0.2.80\n");
      CHECK(dig_short(net.host, server, {"www.example.org", "AAAA", transport}) == "2001:db8::80\n");
      CHECK(dig_short(net.host, server, {"alias.example.org", "A", transport}) ==
            "www.example.org.\n192.0.2.80\n");
    }
  }
  CHECK(counted(daemon, "queries") == 12);
  CHECK(counted(daemon, "answered") == 12);
  // Three questions in all: the rest was cached.
  CHECK(daemon.status().reasons.at("own") == 3);
  const std::string missing = dig(net.host, kNobody.v4, {"no.example.org"});
  CHECK(missing.find("status: NXDOMAIN") != std::string::npos);
  CHECK(missing.find("hostmaster.example.org") != std::string::npos);  // the SOA, for who caches it
}

TEST_CASE("an answer that is too long for UDP is to be had by TCP, from the server as from us") {
  TOLLGATE_NEEDS("nsd", "dig");
  const Topology net;
  const AuthoritativeServer world{net.peer, kPeer};
  const DaemonUnderTest daemon{net.host, files("upstreams = [\"" + kPeer.v6 + "\"]\n")};
  const std::string cut = dig(net.host, kNobody.v4, {"long.example.org", "TXT", "+ignore"});
  CHECK(cut.find("flags: qr tc rd ra;") != std::string::npos);
  CHECK(cut.find("ANSWER: 0") != std::string::npos);
  const std::string whole = dig_short(net.host, kNobody.v4, {"long.example.org", "TXT"});
  CHECK(whole.size() > 4000);
  CHECK(counted(daemon, "truncated") == 2);
}

TEST_CASE("where one server is silent, another one is asked; where all are, the answer is SERVFAIL") {
  TOLLGATE_NEEDS("nsd", "dig");
  const Topology net;
  const std::string silent = kOther.v4;
  std::optional<AuthoritativeServer> world{std::in_place, net.peer, kPeer};
  const DaemonUnderTest daemon{net.host, files("upstreams = [\"" + silent + "\", \"" + kPeer.v4 + "\"]\n")};
  for (int i = 0; i < 4; ++i) {
    CHECK(dig_short(net.host, kNobody.v4, {"n" + std::to_string(i) + ".many.example.org"}) == "192.0.2.90\n");
  }
  world.reset();
  const std::string failed = dig(net.host, kNobody.v4, {"n9.many.example.org"});
  CHECK(failed.find("status: SERVFAIL") != std::string::npos);
  CHECK(failed.find("EDE: 22 (No Reachable Authority)") != std::string::npos);
  CHECK(counted(daemon, "failed") >= 1);
}

TEST_CASE("a domain may have servers of its own, by TCP alone too") {
  TOLLGATE_NEEDS("nsd", "dig");
  const Topology net;
  const AuthoritativeServer world{net.peer, kOther};
  const DaemonUnderTest daemon{net.host, files("upstreams = [\"" + kPeer.v4 +
                                               "\"]\n[[nameserver.zone]]\ndomain = \"example.org\"\n"
                                               "upstreams = [\"tcp://" +
                                               kOther.v4 + "\"]\n")};
  CHECK(dig_short(net.host, kNobody.v4, {"www.example.org"}) == "192.0.2.80\n");
}

TEST_CASE("what is no question is answered so, or not at all, and counted") {
  TOLLGATE_NEEDS("nsd", "dig");
  const Topology net;
  const AuthoritativeServer world{net.peer, kPeer};
  const DaemonUnderTest daemon{net.host, files("upstreams = [\"" + kPeer.v4 + "\"]\n")};
  CHECK(dig(net.host, kNobody.v4, {"example.org", "AXFR"}).find("; Transfer failed.") != std::string::npos);
  CHECK(dig(net.host, kNobody.v4, {"version.bind", "TXT", "CH"}).find("status: REFUSED") !=
        std::string::npos);
  CHECK(dig(net.host, kNobody.v4, {"example.org", "+opcode=STATUS"}).find("status: NOTIMP") !=
        std::string::npos);
  CHECK(dig(net.host, kNobody.v4, {"www.example.org", "+edns=1", "+noednsneg"}).find("status: BADVERS") !=
        std::string::npos);
  const Inside host{net.host};
  const Socket rubbish = begin(Transport::udp, {kNobody.v4, 53});
  REQUIRE(::send(rubbish.fd(), "xy", 2, 0) == 2);
  wait_until("the rubbish is counted", [&] { return counted(daemon, "dropped") == 1; });
  CHECK(counted(daemon, "refused") == 4);
}

TEST_CASE("the nameserver is there before the rules are, and a port that is taken is said") {
  TOLLGATE_NEEDS("nsd");
  const Topology net;
  const AuthoritativeServer taken{net.host, kLoopback, kOwnPort};
  DaemonUnderTest daemon{net.host, files("upstreams = [\"" + kPeer.v4 + "\"]\n"),
                         DaemonUnderTest::Start::later};
  const Finished refused = daemon.start_refused();
  CHECK(refused.status == 1);
  CHECK(refused.errors.find("nameserver: cannot listen on 127.0.0.1 port 5300: Address already in use") !=
        std::string::npos);
}

}  // namespace
