// SPDX-License-Identifier: GPL-2.0-or-later
// Beside the rules of others: their shapes are in tests/data/rules.
#include <linux/netfilter/nfnetlink_queue.h>

#include "../vm/raw_queue.hpp"
#include "kernel_queues.hpp"
#include "meanwhile.hpp"
#include "rules_dump.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

const std::string kFolder = TOLLGATE_SOURCE_DIR "/tests/data/rules/";
constexpr std::uint16_t kShut = 7002;  // the others' rules do not let it in

// How each of them puts its rules into a kernel.
struct Neighbour {
  std::string name;
  std::vector<std::vector<std::string>> commands;
};
const std::vector<Neighbour> kNeighbours = {
    {"firewalld", {{"nft", "-f", kFolder + "firewalld.nft"}}},
    {"ufw",
     {{"iptables-restore", kFolder + "ufw.v4.rules"}, {"ip6tables-restore", kFolder + "ufw.v6.rules"}}},
    {"nftables.service", {{"nft", "-f", kFolder + "nftables.conf"}}},
};

void move_in(const Neighbour& neighbour) {
  for (const std::vector<std::string>& command : neighbour.commands) must_run(command);
}

// What the policy refuses, and what the neighbour refuses, is refused; everything else passes.
void check_both_rule(const Scene& scene, const EchoServer& shut) {
  for (const Way& way : ways(scene, kPeer)) {
    INFO(way.name());
    for (const Transport transport : kTransports) REQUIRE(way.talk(transport) == 0);
  }
  for (const Way& way : ways(scene, kOther)) {
    INFO(way.name());
    REQUIRE(way.talk(Transport::tcp) == ECONNREFUSED);
  }
  const Inside peer{scene.net.peer};
  for (const std::string& to : kHost.both()) {
    const Socket knock = begin(Transport::udp, {to, kShut});
    REQUIRE(::send(knock.fd(), "x", 1, 0) == 1);
    // Behind it on the same wire: when this has its answer, the first was seen too.
    REQUIRE(talk(Transport::udp, {to, kPort}) == 0);
  }
  REQUIRE(shut.datagrams() == 0);
}

std::string not_the_other() {
  return accepting_defaults() +
         rule("not the other", "permanent-block", "address = [\"" + kOther.v4 + "\", \"" + kOther.v6 + "\"]");
}

// In the iptables dialect ours come table by table, filter's last: a connection that began in between would
// be cut in its middle.
bool whole(const std::string& rules, const std::string& backend) {
  if (backend == "nft") return rules.find("table inet tollgate") != std::string::npos;
  std::size_t families = 0;
  for (std::size_t at = rules.find(":TOLLGATE-REFUSE "); at != std::string::npos;
       at = rules.find(":TOLLGATE-REFUSE ", at + 1)) {
    ++families;
  }
  return families == 2;
}

TEST_CASE("beside firewalld, ufw and nftables.service: both have their say, and nothing of theirs changes") {
  for (const Neighbour& neighbour : kNeighbours) {
    for (const bool first : {true, false}) {
      INFO(neighbour.name << (first ? ", there before us" : ", comes later"));
      Scene scene{{not_the_other()}, DaemonUnderTest::Start::later};
      const EchoServer shut{scene.net.host, kHost.both(), kShut};
      const auto dump = [&] { return in(scene.net.host, [] { return dump_rules(); }); };
      const auto theirs = [&] { in(scene.net.host, [&] { move_in(neighbour); }); };
      if (first) theirs();
      const std::string before = dump();
      scene.daemon.start();
      if (!first) theirs();
      // Some of them throw ours away in coming.
      wait_until("all of our rules", [&] { return whole(dump(), scene.daemon.status().backend); });
      for (const Way& way : ways(scene, kOther)) {
        wait_until("our rules", [&] { return way.talk(Transport::tcp) == ECONNREFUSED; });
      }
      check_both_rule(scene, shut);
      scene.daemon.hang_up();
      check_both_rule(scene, shut);
      REQUIRE(scene.daemon.stop().status == 0);
      if (first) REQUIRE(dump() == before);
      REQUIRE(dump().find("tollgate") == std::string::npos);
      REQUIRE(dump().find("TOLLGATE") == std::string::npos);
    }
  }
}

TEST_CASE("beside Docker: published ports, masqueraded containers, and rules about both") {
  Topology net{Machines::three};
  in(net.host, [] { must_run({"iptables-restore", kFolder + "docker.v4.rules"}); });
  const std::string before = in(net.host, [] { return dump_rules(); });
  const std::string policy = accepting_defaults() + "forward = \"permanent-accept\"\n" +
                             rule("not to the other", "permanent-block",
                                  "direction = \"forward\"\ndestination = \"" + kOther.v4 + "\"") +
                             rule("not from the other", "permanent-block",
                                  "direction = \"forward\"\nsource = \"" + kOther.v4 + "\"");
  const EchoServer container{*net.inner, {kInner.v4}, kPort};
  const EchoServer on_peer{net.peer, {kPeer.v4, kOther.v4}, kPort};
  DaemonUnderTest daemon{net.host, {policy, "forward = true\n"}};
  const auto published = [&](const std::string& from) {
    return in(net.peer, [&] { return talk(Transport::tcp, {kHost.v4, 7100}, Endpoint{from, 0}); });
  };
  const auto leaves = [&](Transport transport, const std::string& to) {
    return in(*net.inner, [&] { return talk(transport, {to, kPort}); });
  };
  REQUIRE(published(kPeer.v4) == 0);
  REQUIRE(daemon.flow_to(kPort).destination == kInner.v4);  // behind Docker's DNAT
  for (const Transport transport : kTransports) REQUIRE(leaves(transport, kPeer.v4) == 0);
  REQUIRE(leaves(Transport::tcp, kOther.v4) == ECONNREFUSED);
  REQUIRE(leaves(Transport::udp, kOther.v4) == EHOSTUNREACH);
  // The refusal comes from the address that was published: Docker's DNAT is undone on its way back.
  REQUIRE(published(kOther.v4) == ECONNREFUSED);
  REQUIRE(container.accepted() == 1);
  // Masqueraded: the peer saw the host.
  REQUIRE(on_peer.accepted() == 1);
  // Docker's own refusal: nobody published 7001.
  REQUIRE(in(net.peer, [] { return talk(Transport::tcp, {kHost.v4, 7101}); }) == ECONNREFUSED);
  REQUIRE(daemon.stop().status == 0);
  REQUIRE(in(net.host, [] { return dump_rules(); }) == before);
}

TEST_CASE("nftables.conf is loaded again and again: our rules come back by themselves") {
  Scene scene{{not_the_other(), "fail = \"open\"\n"}};
  const EchoServer shut{scene.net.host, kHost.both(), kShut};
  Meanwhile traffic{ways(scene, kPeer), Meanwhile::Datagrams::no};
  std::uint64_t times = 0;
  for (int round = 0; round < 3; ++round) {
    INFO(round);
    traffic.once_more();
    in(scene.net.host, [] { must_run({"nft", "-f", kFolder + "nftables.conf"}); });
    ++times;
    wait_until("our rules again",
               [&] { return scene.daemon.status().errors.at("ruleset_restored") == times; });
    check_both_rule(scene, shut);
  }
  traffic.once_more();
  REQUIRE(traffic.stop() == "");
  REQUIRE(scene.daemon.status().errors.at("ruleset_lost") == 0);
  REQUIRE(scene.daemon.log().find("somebody removed the rules") != std::string::npos);
}

TEST_CASE("only a part of our rules is taken away: they come back whole") {
  Scene scene{{not_the_other()}};
  const auto dump = [&] { return in(scene.net.host, [] { return dump_rules(); }); };
  const std::string whole = dump();
  const bool nft = scene.daemon.status().backend == "nft";
  const std::vector<std::vector<std::string>> thefts =
      nft ? std::vector<std::vector<std::string>>{{"nft", "delete", "table", "inet", "tollgate"},
                                                  {"nft", "flush", "chain", "inet", "tollgate", "ask_output"},
                                                  {"nft", "flush", "chain", "inet", "tollgate", "ask"},
                                                  {"nft", "flush", "chain", "inet", "tollgate", "answer"}}
          : std::vector<std::vector<std::string>>{{"iptables", "-t", "mangle", "-F", "OUTPUT"},
                                                  {"ip6tables", "-t", "filter", "-F", "INPUT"},
                                                  {"iptables", "-t", "mangle", "-F"},
                                                  {"iptables", "-t", "filter", "-F"}};
  std::uint64_t times = 0;
  for (const std::vector<std::string>& theft : thefts) {
    INFO(theft.back());
    in(scene.net.host, [&] { must_run(theft); });
    ++times;
    wait_until("our rules again",
               [&] { return scene.daemon.status().errors.at("ruleset_restored") >= times; });
    REQUIRE(scene.daemon.status().errors.at("ruleset_restored") == times);
    REQUIRE(dump() == whole);
    REQUIRE(outbound(scene, kOther.v4).talk(Transport::tcp) == ECONNREFUSED);
    REQUIRE(outbound(scene, kPeer.v6).talk(Transport::tcp) == 0);
  }
}

TEST_CASE("somebody else's drop wins, wherever it stands") {
  for (const char* priority : {"-300", "-140", "10"}) {
    INFO(priority);
    Scene scene{{accepting_defaults()}};
    in(scene.net.host, [&] {
      const std::string dropped =
          " priority " + std::string{priority} + "; policy accept; meta l4proto { tcp, udp } th dport 7000 ";
      must_run({"nft", "table inet strict { chain out { type filter hook output" + dropped + "ip daddr " +
                           kPeer.v4 + " drop; }; chain in { type filter hook input" + dropped + "ip saddr " +
                           kPeer.v4 + " drop; }; }"});
    });
    // Its sender is told of a datagram's drop in OUTPUT only when no queue came before it.
    const Socket datagram = outbound(scene, kPeer.v4).begin(Transport::udp);
    if (::send(datagram.fd(), "x", 1, 0) < 0) REQUIRE(errno == EPERM);
    const Socket knock = inbound(scene, kPeer.v4).begin(Transport::tcp);
    // Behind them on the same wire.
    for (const Way& way : ways(scene, kOther)) {
      for (const Transport transport : kTransports) REQUIRE(way.talk(transport) == 0);
    }
    REQUIRE(nothing_came(datagram, Transport::udp));
    REQUIRE(nothing_came(knock, Transport::tcp));
    REQUIRE(scene.on_host.accepted() == 2);
    REQUIRE(scene.on_peer.datagrams() == 2);
  }
}

// Another program on NFQUEUE that takes its time. Its rules are iptables', as any kernel has those.
TEST_CASE("packets that wait in somebody else's queue live through our start, reload, rules and stop") {
  constexpr std::uint16_t kTheirs = 77, kTheirPort = 7400;
  Scene scene{{accepting_defaults()}, DaemonUnderTest::Start::later};
  const EchoServer their_server{scene.net.peer, kPeer.both(), kTheirPort};
  const Inside host{scene.net.host};
  for (const char* tool : {"iptables", "ip6tables"}) {
    must_run({tool, "-t", "raw", "-A", "OUTPUT", "-p", "udp", "--dport", std::to_string(kTheirPort), "-j",
              "NFQUEUE", "--queue-num", std::to_string(kTheirs)});
  }
  vm::RawQueue theirs{kTheirs, NFQA_CFG_F_GSO};
  std::vector<Socket> senders;
  std::vector<vm::RawPacket> waiting;
  const auto still_wait = [&] {
    for (const KernelQueue& queue : kernel_queues()) {
      if (queue.number == kTheirs) return queue.waiting;
    }
    return std::uint64_t{0};
  };
  const auto one_waits = [&](const std::string& to) {
    senders.push_back(begin(Transport::udp, {to, kTheirPort}));
    send_one(senders.back(), Transport::udp);
    waiting.push_back(theirs.next());
    REQUIRE(still_wait() == waiting.size());
  };
  one_waits(kPeer.v4);
  scene.daemon.start();
  one_waits(kPeer.v6);
  scene.daemon.hang_up();
  REQUIRE(still_wait() == waiting.size());
  const std::string backend = scene.daemon.status().backend;
  REQUIRE(scene.daemon
              .tollgate({"ruleset", "apply", "--config", scene.daemon.config_file(), "--backend", backend})
              .status == 0);
  one_waits(kPeer.v4);
  // Their packets would go with our last rules, so something stays, and that is said.
  const Finished stopped = scene.daemon.stop();
  REQUIRE(still_wait() == waiting.size());
  REQUIRE(stopped.status == 1);
  REQUIRE(scene.daemon.log().find("is left, without effect: 3 packets wait") != std::string::npos);
  REQUIRE(talk(Transport::tcp, {kPeer.v4, kPort}) == 0);
  scene.daemon.start();
  one_waits(kPeer.v6);
  REQUIRE(their_server.datagrams() == 0);

  for (const vm::RawPacket& packet : waiting) theirs.answer(packet, vm::Fate::accept);
  // The kernel remembers by number after which hook a packet goes on. Where hooks were added meanwhile
  // (conntrack's defragmentation) it meets the same one again.
  wait_until("their packets' arrival", [&] {
    if (still_wait() > 0) theirs.answer(theirs.next(), vm::Fate::accept);
    return their_server.datagrams() == waiting.size();
  });
  REQUIRE(scene.daemon.stop().status == 0);
  const std::string left = dump_rules();
  REQUIRE(left.find("tollgate") == std::string::npos);
  REQUIRE(left.find("TOLLGATE") == std::string::npos);
}

}  // namespace
