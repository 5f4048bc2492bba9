// SPDX-License-Identifier: GPL-2.0-or-later
#include <fstream>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "catch.hpp"
#include "tollgate/ruleset/queue_layout.hpp"
#include "tollgate/ruleset/ruleset.hpp"

using namespace tollgate;

namespace {

std::string file(const std::string& name) {
  std::ifstream in{std::string{TOLLGATE_SOURCE_DIR} + "/iptables/" + name};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Every rendering of one configuration.
std::vector<std::string> all(const Config& config) {
  return {render_nft(config), render_iptables(config, Family::ipv4), render_iptables(config, Family::ipv6)};
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

Config rerouting() {
  Config config;
  config.nameserver.address4 = IpAddress::parse("127.0.0.1");
  config.nameserver.port = 5300;
  config.tunnel.address4 = IpAddress::parse("192.0.2.1");
  config.tunnel.address6 = IpAddress::parse("2001:db8::1");
  config.tunnel.port = 7000;
  return config;
}

}  // namespace

TEST_CASE("the files that are installed are what is rendered") {
  const Config config;
  CHECK(file("tollgate.nft") == render_nft(config));
  CHECK(file("tollgate.v4.rules") == render_iptables(config, Family::ipv4));
  CHECK(file("tollgate.v6.rules") == render_iptables(config, Family::ipv6));
}

TEST_CASE("segments that end accepted connections are copied to the daemon, where it wants them") {
  Config config;
  config.queue.nflog_group = 77;
  config.names.dns = false;
  config.forward = true;
  CHECK(count(render_nft(config), "log group 77 snaplen 128") == 3);
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    CHECK(count(render_iptables(config, family), "-j NFLOG --nflog-group 77 --nflog-size 128") == 3);
  }
  config.flow.tcp_ends = TcpEnds::conntrack;
  for (const std::string& text : all(config)) {
    CHECK_FALSE(has(text, "log group"));
    CHECK_FALSE(has(text, "NFLOG"));
  }
}

TEST_CASE("what is said about names is copied to the daemon, where it wants it") {
  Config config;
  config.queue.nflog_group = 76;
  config.flow.tcp_ends = TcpEnds::conntrack;
  config.forward = true;
  // Both ends of accepted flows at three hooks; over loopback where packets leave.
  CHECK(count(render_nft(config), "log group 77\n") == 8);
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    CHECK(count(render_iptables(config, family), "-j NFLOG --nflog-group 77\n") == 8);
    CHECK(count(render_iptables(config, family), "! -i lo -p udp -m multiport --ports 53,5353,5355") == 1);
  }
  config.loopback = LoopbackHandling::decide;  // then loopback's flows have verdicts like all others
  CHECK(count(render_nft(config), "log group 77\n") == 6);
  config.names.dns = false;
  for (const std::string& text : all(config)) {
    CHECK_FALSE(has(text, "log group"));
    CHECK_FALSE(has(text, "NFLOG"));
  }
}

TEST_CASE("no base chain is deleted when the nft text replaces itself") {
  const std::string text = render_nft(Config{});
  CHECK(text.starts_with("add table inet tollgate\nflush table inet tollgate\n"));
  CHECK_FALSE(has(text, "delete"));
  CHECK_FALSE(has(text, "destroy"));
}

TEST_CASE("fail open bypasses at every queue, fail closed at none") {
  Config config;
  config.forward = config.reroute_arriving = true;
  for (const std::string& text : all(config)) CHECK_FALSE(has(text, "bypass"));
  config.fail = FailMode::open;
  const auto [nft, v4, v6] = std::tuple{render_nft(config), render_iptables(config, Family::ipv4),
                                        render_iptables(config, Family::ipv6)};
  CHECK(count(nft, "queue num ") == count(nft, " bypass\n"));
  CHECK(count(v4, "--queue-num ") == count(v4, " --queue-bypass\n"));
  CHECK(count(v6, "--queue-num ") == count(v6, " --queue-bypass\n"));
}

TEST_CASE("all queues are used, from the first on, and no other") {
  Config config;
  config.queue.number = 100;
  config.forward = config.reroute_arriving = true;
  for (const std::string& text : all(config)) {
    const std::string key = has(text, "--queue-num ") ? "--queue-num " : "queue num ";
    std::size_t found = 0;
    for (std::uint16_t bit = 0; bit < kQueueCount; ++bit)
      found += count(text, key + std::to_string(100 + bit) + "\n");
    for (std::uint16_t bit = 0; bit < kQueueCount; ++bit)
      CHECK(has(text, key + std::to_string(100 + bit) + "\n"));
    CHECK(found == count(text, key));
  }
}

TEST_CASE("the mark's field is the configured one") {
  Config config;
  config.mark_mask = 0x000000f0;
  for (const std::string& text : all(config)) {
    CHECK(has(text, "0x00000010"));  // accept
    CHECK(has(text, "0x00000090"));  // block, this packet
    CHECK_FALSE(has(text, "0x0f000000"));
    CHECK_FALSE(has(text, "0x01000000"));
  }
  CHECK(has(render_nft(config), "& 0xffffff0f | 0x00000010"));
}

TEST_CASE("forward is ours only when configured") {
  Config config;
  CHECK_FALSE(has(render_nft(config), "hook forward"));
  CHECK_FALSE(has(render_iptables(config, Family::ipv4), "FORWARD"));
  config.forward = true;
  CHECK(count(render_nft(config), "hook forward") == 2);
  CHECK(count(render_iptables(config, Family::ipv4), "-I FORWARD 1 -j TOLLGATE-FORWARD\n") == 2);
}

TEST_CASE("prerouting asks only when configured, about transit only when forward is ours") {
  Config config;
  for (const std::string& text : all(config))
    CHECK_FALSE((has(text, "PREROUTING") || has(text, "prerouting")));
  config.reroute_arriving = true;
  for (const std::string& text : all(config)) CHECK_FALSE((has(text, "TRANSIT") || has(text, "transit")));
  config.forward = true;
  for (const std::string& text : all(config)) CHECK((has(text, "TRANSIT") || has(text, "transit")));
}

TEST_CASE("rerouting is rendered for the configured targets and families only") {
  Config config;
  for (const std::string& text : all(config)) CHECK_FALSE((has(text, "*nat") || has(text, "type nat")));
  config = rerouting();
  const std::string v4 = render_iptables(config, Family::ipv4), v6 = render_iptables(config, Family::ipv6);
  CHECK(has(v4, "-p udp -m mark --mark 0x05000000/0x0f000000 -j DNAT --to-destination 127.0.0.1:5300\n"));
  CHECK(has(v4, "-p tcp -m connmark --mark 0x06000000/0x0f000000 -j DNAT --to-destination 192.0.2.1:7000\n"));
  CHECK(has(v6, "-j DNAT --to-destination [2001:db8::1]:7000\n"));
  CHECK_FALSE(has(v6, "-j DNAT --to-destination 127"));
  CHECK_FALSE(has(v6, "0x05000000/0x0f000000 -j DNAT"));
  CHECK(has(render_nft(config), "dnat ip6 to [2001:db8::1]:7000\n"));
}

TEST_CASE("a flow that nat did not bind is refused, unless it goes to the target by itself") {
  CHECK_FALSE(has(render_nft(Config{}), "rerouted"));
  CHECK_FALSE(has(render_iptables(Config{}, Family::ipv4), "REROUTED"));
  const Config config = rerouting();
  const std::string nft = render_nft(config), v4 = render_iptables(config, Family::ipv4);
  CHECK(has(nft, "ct mark & 0x0f000000 { 0x05000000, 0x06000000 } jump rerouted\n"));
  CHECK(has(nft, "ct status dnat return\n"));
  CHECK(has(nft, "meta l4proto { tcp, udp } ip6 daddr 2001:db8::1 th dport 7000 return\n"));
  CHECK(has(v4, "-m connmark --mark 0x05000000/0x0f000000 -j TOLLGATE-REROUTED\n"));
  CHECK(has(v4, "-A TOLLGATE-REROUTED -m conntrack --ctstate DNAT -j RETURN\n"));
  CHECK(has(v4, "-A TOLLGATE-REROUTED -s 192.0.2.1 -p udp -m udp --sport 7000 -j RETURN\n"));
  CHECK(has(v4, "-A TOLLGATE-REROUTED -g TOLLGATE-BLOCKED\n"));
}

TEST_CASE("what arrives is redirected to a loopback target, sent on to any other") {
  Config config = rerouting();
  config.reroute_arriving = true;
  const std::string v4 = render_iptables(config, Family::ipv4), nft = render_nft(config);
  CHECK(has(
      v4,
      "-A TOLLGATE-PREROUTING -p udp -m mark --mark 0x05000000/0x0f000000 -j REDIRECT --to-ports 5300\n"));
  CHECK(has(v4,
            "-A TOLLGATE-PREROUTING -p tcp -m mark --mark 0x06000000/0x0f000000 -j DNAT --to-destination "
            "192.0.2.1:7000\n"));
  CHECK(has(nft, "redirect to :5300\n"));
}

TEST_CASE("loopback passes before anything else, unless it is decided about") {
  Config config;
  CHECK(has(render_nft(config), " ct mark & 0x0f000000 == 0x01000000 accept\n\t\toif \"lo\" accept\n"));
  CHECK(count(render_iptables(config, Family::ipv4), "-o lo -j RETURN") == 2);
  config.loopback = LoopbackHandling::decide;
  CHECK_FALSE(has(render_nft(config), "oif \"lo\""));
  CHECK_FALSE(has(render_iptables(config, Family::ipv4), "-o lo"));
}

TEST_CASE("INVALID is dropped or passed, counted, and logged when asked for") {
  Config config;
  CHECK(has(render_nft(config), "chain invalid {\n\t\tcounter drop\n"));
  CHECK(count(render_nft(config), "ct state invalid goto invalid\n") == 2);
  CHECK(count(render_iptables(config, Family::ipv6), "--ctstate INVALID -g TOLLGATE-INVALID\n") == 2);
  CHECK(has(render_iptables(config, Family::ipv6), "-A TOLLGATE-INVALID -j DROP\n"));
  for (const std::string& text : all(config)) CHECK_FALSE(has(text, "tollgate invalid: "));
  config.invalid = InvalidHandling::pass;
  config.log_invalid = true;
  CHECK(has(render_nft(config),
            "limit rate 10/minute log prefix \"tollgate invalid: \"\n\t\tcounter accept\n"));
  CHECK(has(render_iptables(config, Family::ipv6),
            "-j LOG --log-prefix \"tollgate invalid: \"\n-A TOLLGATE-INVALID -j RETURN\n"));
  CHECK_FALSE(has(render_iptables(config, Family::ipv6), "TOLLGATE-INVALID -j DROP\n"));
}

TEST_CASE("what is not tracked is asked about, and counted on its way") {
  Config config;
  for (const bool forward : {false, true}) {
    config.forward = forward;
    CHECK(has(render_nft(config), "chain untracked {\n\t\tcounter goto ask\n"));
    CHECK(count(render_nft(config), "ct state untracked goto untracked\n") == (forward ? 3 : 2));
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      const std::string text = render_iptables(config, family);
      CHECK(count(text, "--ctstate UNTRACKED -g TOLLGATE-UNTRACKED\n") == (forward ? 3 : 2));
      CHECK(has(text, "-A TOLLGATE-UNTRACKED -g TOLLGATE-ASK\n"));
    }
  }
}

TEST_CASE("what is not tracked cannot be rerouted, and is refused") {
  Config config;
  CHECK_FALSE(has(render_nft(config), "ct state untracked meta mark"));
  CHECK_FALSE(has(render_iptables(config, Family::ipv4), "--ctstate UNTRACKED -g TOLLGATE-REFUSE"));
  config.nameserver.address4 = IpAddress::parse("127.0.0.1");
  CHECK(has(render_nft(config),
            "ct state untracked meta mark & 0x0f000000 { 0x05000000, 0x06000000 } goto refuse\n"));
  CHECK(count(render_iptables(config, Family::ipv4), "--ctstate UNTRACKED -g TOLLGATE-REFUSE\n") == 2);
  CHECK(count(render_iptables(config, Family::ipv6), "--ctstate UNTRACKED -g TOLLGATE-REFUSE\n") == 0);
}

TEST_CASE("an expected flow keeps its master's verdict, or forgets it before anything looks at it") {
  Config config;
  for (const std::string& text : all(config)) CHECK_FALSE(has(text, "expected"));
  for (const std::string& text : all(config)) CHECK_FALSE(has(text, "EXPECTED"));
  config.related = RelatedHandling::decide;
  config.forward = true;
  CHECK(count(render_nft(config),
              "priority -150; policy accept;\n\t\tct status expected ct status & confirmed == 0 "
              "ct mark & 0x0f000000 != 0x00000000 ct mark set ct mark & 0xf0ffffff\n") == 3);
  const std::string v4 = render_iptables(config, Family::ipv4);
  CHECK(count(v4,
              "-m conntrack --ctstatus EXPECTED -m conntrack ! --ctstatus CONFIRMED "
              "-m connmark ! --mark 0x0/0x0f000000 -j CONNMARK --set-xmark 0x0/0x0f000000\n") == 3);
  const std::size_t mangle = v4.find("*mangle");
  CHECK(v4.find("-A TOLLGATE-INPUT", mangle) == v4.find("-A TOLLGATE-INPUT -m conntrack --ctstatus", mangle));
}

TEST_CASE("ICMP errors are queued when policy decides about them, but not the kernel's own refusals") {
  Config config;
  for (const std::string& text : all(config)) CHECK_FALSE((has(text, "errors_") || has(text, "ERRORS-")));
  config.icmp_errors = IcmpErrors::decide;
  const std::string nft = render_nft(config), v6 = render_iptables(config, Family::ipv6);
  CHECK(has(nft, "meta l4proto { icmp, ipv6-icmp } ct state related goto errors_input\n"));
  CHECK(has(nft, "chain errors_input {\n\t\tqueue num 4200\n"));
  CHECK(has(nft,
            "chain errors_output {\n\t\ticmp type destination-unreachable icmp code host-prohibited "
            "jump kernel_sent\n"));
  CHECK(
      has(v6, "-A TOLLGATE-OUTPUT -p ipv6-icmp -m conntrack --ctstate RELATED -g TOLLGATE-ERRORS-OUTPUT\n"));
  CHECK(has(v6,
            "-A TOLLGATE-ERRORS-OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type 1/1 -m owner ! --uid-owner 0 "
            "-j RETURN\n-A TOLLGATE-ERRORS-OUTPUT -j NFQUEUE --queue-num 4200\n"));
}

TEST_CASE("jumps that stand already are left out") {
  IptablesJumps jumps;
  jumps.mangle_output = jumps.filter_output = false;
  const std::string text = render_iptables(Config{}, Family::ipv4, jumps);
  CHECK_FALSE(has(text, "-I OUTPUT"));
  CHECK(count(text, "-I INPUT 1 -j TOLLGATE-INPUT\n") == 2);
}

TEST_CASE("what answers is loaded before what asks") {
  const std::string text = render_iptables(rerouting(), Family::ipv4);
  CHECK(text.find("*filter") < text.find("*nat"));
  CHECK(text.find("*nat") < text.find("*mangle"));
}
