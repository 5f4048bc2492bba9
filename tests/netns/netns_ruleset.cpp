// SPDX-License-Identifier: GPL-2.0-or-later
// The rules in a kernel that has rules of others: put there, put there again, taken away; and what
// they do to marks.
#include <algorithm>
#include <sstream>

#include "rules_dump.hpp"
#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

// A daemon that is not run: its files, and the command line on them.
struct Files {
  explicit Files(const NetworkNamespace& where, const std::string& keys = "")
      : daemon{where, {accepting_defaults(), keys}, DaemonUnderTest::Start::later} {}
  Finished apply(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{"ruleset", "apply", "--config", daemon.config_file()};
    all.insert(all.end(), more.begin(), more.end());
    return daemon.tollgate(all);
  }
  Finished remove() const { return daemon.tollgate({"ruleset", "remove"}); }
  DaemonUnderTest daemon;
};

const std::vector<std::string> kVariants = {
    "", "forward = true\nreroute_arriving = true\nloopback = \"decide\"\n"};

TEST_CASE("rules applied twice are there once, and removing them leaves what was there before") {
  for (const std::string& keys : kVariants) {
    INFO(keys);
    const Topology net;
    const Inside host{net.host};
    const std::string before = others_rules();
    const Files files{net.host, keys};
    for (int round = 0; round < 2; ++round) {
      const Finished first = files.apply();
      INFO(first.errors);
      REQUIRE(first.status == 0);
      const std::string once = dump_rules();
      REQUIRE(once != before);
      REQUIRE(files.apply().status == 0);
      REQUIRE(dump_rules() == once);
      REQUIRE(files.remove().status == 0);
      REQUIRE(dump_rules() == before);
    }
    REQUIRE(files.remove().status == 0);  // nothing there: fine
    REQUIRE(dump_rules() == before);
  }
}

TEST_CASE("in a kernel without any rules, removing leaves none") {
  for (const std::string& keys : kVariants) {
    const Topology net;
    const Inside host{net.host};
    const std::string before = dump_rules();
    const Files files{net.host, keys};
    REQUIRE(files.apply().status == 0);
    REQUIRE(files.remove().status == 0);
    REQUIRE(dump_rules() == before);
  }
}

// The lines that hold a rule. Chains of the kernel's that had to be made stay until the rules are
// removed: to delete one would drop every packet that waits.
std::vector<std::string> rule_lines() {
  std::vector<std::string> rules;
  std::istringstream lines{dump_rules()};
  for (std::string line; std::getline(lines, line);) {
    const bool iptables = line.starts_with("-A");
    const bool nft = line.starts_with("\t\t") && !line.starts_with("\t\ttype ");
    if (iptables || nft) rules.push_back(line);
  }
  std::ranges::sort(rules);
  return rules;
}

TEST_CASE("other rules replace what was there, also of another configuration") {
  const Topology net;
  const Inside host{net.host};
  const Files small{net.host, kVariants[0]};
  const Files large{net.host, kVariants[1]};
  REQUIRE(small.apply().status == 0);
  const auto rules_of_small = rule_lines();
  REQUIRE(large.apply().status == 0);
  REQUIRE(rule_lines() != rules_of_small);
  REQUIRE(small.apply().status == 0);
  REQUIRE(rule_lines() == rules_of_small);
}

TEST_CASE("rules applied again while connections live and packets are asked about lose none") {
  Scene scene{{peer_has("accept")}};
  std::vector<Socket> streams;
  for (const Way& way : ways(scene, kPeer)) streams.push_back(way.open(Transport::tcp));
  for (int round = 0; round < 5; ++round) {
    const std::string backend = scene.daemon.status().backend;
    REQUIRE(scene.daemon
                .tollgate({"ruleset", "apply", "--config", scene.daemon.config_file(), "--backend", backend})
                .status == 0);
    for (const Socket& stream : streams) REQUIRE(exchange(stream, Transport::tcp, 1 << 18) == 0);
  }
}

TEST_CASE("what the daemon loads is what print prints") {
  const Topology net;
  const Files files{net.host};
  const Finished printed =
      files.daemon.tollgate({"ruleset", "print", "--config", files.daemon.config_file()});
  REQUIRE(printed.status == 0);
  REQUIRE(!printed.output.empty());
}

// Counts packets that leave a machine, by their mark, after everybody else.
void count_leaving() {
  must_run(
      {"nft",
       "table inet watch { counter ours { }; counter foreign { }; counter leaving { }; chain c { type "
       "filter hook "
       "postrouting priority 300; policy accept; oifname \"wan0\" counter name leaving; oifname \"wan0\" "
       "meta mark and "
       "0x0f000000 != 0 counter name ours; oifname \"wan0\" meta mark and 0x00ffffff == 0x00ca6c "
       "counter name "
       "foreign; }; }"});
}

std::uint64_t counted(const std::string& counter) {
  const std::string text = must_run({"nft", "list", "counter", "inet", "watch", counter});
  return std::stoull(text.substr(text.find("packets ") + 8));
}

TEST_CASE("no packet leaves with a mark of ours, and the marks of others stay") {
  constexpr int kForeign = 51820;  // wg-quick's
  for (const std::string verdict :
       {"accept", "permanent-accept", "block", "permanent-block", "permanent-drop"}) {
    INFO(verdict);
    Scene scene{{peer_has(verdict)}};
    const Inside host{scene.net.host};
    count_leaving();
    for (const Way& way : ways(scene, kPeer)) {
      if (verdict == "permanent-drop") break;
      for (const Transport transport : kTransports) way.talk(transport);
    }
    const auto leave_marked = [&](const std::string& to) {
      const Socket marked{to.find(':') == std::string::npos ? AF_INET : AF_INET6, SOCK_DGRAM};
      marked.set(SOL_SOCKET, SO_MARK, kForeign);
      const SocketAddress address = to_socket_address({to, kPort});
      REQUIRE(::connect(marked.fd(), address.get(), address.length) == 0);
      for (int i = 0; i < 3; ++i) REQUIRE(exchange(marked, Transport::udp) == 0);
    };
    for (const std::string& to : kOther.both()) leave_marked(to);
    if (verdict == "accept") {
      for (const std::string& to : kPeer.both()) leave_marked(to);
    }
    REQUIRE(counted("leaving") > 0);
    REQUIRE(counted("ours") == 0);
    REQUIRE(counted("foreign") == (verdict == "accept" ? 12 : 6));
  }
}

TEST_CASE("a socket that puts bits of ours on its packets gains nothing by it") {
  const Scene scene{{peer_has("permanent-block")}};
  const Inside host{scene.net.host};
  for (const int mark : {0x01000000, 0x04000000, 0x05000000, 0x0f000000}) {
    INFO(mark);
    const Socket socket{AF_INET, SOCK_STREAM};
    socket.set(SOL_SOCKET, SO_MARK, mark);
    const SocketAddress address = to_socket_address({kPeer.v4, kPort});
    ::connect(socket.fd(), address.get(), address.length);
    REQUIRE(finish_connect(socket) == ECONNREFUSED);
  }
  REQUIRE(scene.served() == 0);
}

TEST_CASE("another mask keeps its bits to itself") {
  Scene scene{{peer_has("permanent-accept"), "", "[mark]\nmask = 0x00000f00\n"}};
  for (const Way& way : ways(scene, kPeer)) {
    const Socket stream = way.open(Transport::tcp);
    const std::uint64_t asked =
        asked_during(scene.daemon, [&] { REQUIRE(exchange(stream, Transport::tcp, 1 << 18) == 0); });
    REQUIRE(asked == 0);
  }
}

}  // namespace
