// SPDX-License-Identifier: GPL-2.0-or-later
// Beside those who route by packet marks: WireGuard with wg-quick's rules, and `ip rule` on other bits.
#include <fstream>

#include "meanwhile.hpp"
#include "rules_dump.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

const Addresses kHostInside{"10.99.0.1", "fd99::1"};
const Addresses kPeerInside{"10.99.0.2", "fd99::2"};
constexpr std::uint16_t kWireGuardPort = 51820;
constexpr std::uint16_t kShutPort = kPort + 1;

// "" or why there is no WireGuard here.
std::string no_wireguard() {
  if (const std::string lacking = missing_programs({"wg", "wg-quick", "conntrack"}); !lacking.empty())
    return lacking;
  const NetworkNamespace there;
  const Finished made = in(there, [] { return run({"ip", "link", "add", "wg0", "type", "wireguard"}); });
  return made.status == 0 ? "" : "no WireGuard in this kernel: " + made.errors;
}

struct Keys {
  explicit Keys(const TemporaryDirectory& files, const std::string& name) {
    private_key = must_run({"wg", "genkey"});
    file = files.write(name, private_key);
    private_key.pop_back();
    public_key = must_run({"sh", "-c", "wg pubkey <" + file});
    public_key.pop_back();
  }
  std::string file, private_key, public_key;
};

void shell(const std::string& commands) { must_run({"sh", "-ec", commands}); }

// The host sends everything through the tunnel, as wg-quick itself arranges it for AllowedIPs = 0.0.0.0/0,
// ::/0: the tunnel's own packets have a mark and are routed by the main table. The tunnel is between the
// machines' other addresses' links; the peer is both its other end and the world behind it.
class Tunnel {
 public:
  explicit Tunnel(const Topology& net, const Addresses& outer) {
    const Keys host{files_, "host"}, peer{files_, "peer"};
    in(net.peer, [&] {
      shell("ip link add wg0 type wireguard; wg set wg0 listen-port " + std::to_string(kWireGuardPort) +
            " private-key " + peer.file + " peer " + host.public_key + " allowed-ips " + kHostInside.v4 +
            "/32," + kHostInside.v6 + "/128; ip addr add " + kPeerInside.v4 + "/24 dev wg0; ip addr add " +
            kPeerInside.v6 + "/64 dev wg0 nodad; ip link set mtu 1420 up dev wg0");
    });
    const std::string endpoint = outer.v6.empty() ? outer.v4 : "[" + outer.v6 + "]";
    const std::string config = files_.write(
        "wg0.conf", "[Interface]\nPrivateKey = " + host.private_key + "\nAddress = " + kHostInside.v4 +
                        "/24, " + kHostInside.v6 + "/64\n[Peer]\nPublicKey = " + peer.public_key +
                        "\nEndpoint = " + endpoint + ":" + std::to_string(kWireGuardPort) +
                        "\nAllowedIPs = 0.0.0.0/0, ::/0\n");
    in(net.host, [&] {
      must_run({"wg-quick", "up", config});
      // The strict check of the way back asks the routes with the mark: it must be the one that was saved.
      for (const std::string link : {"all", kHostLink}) {
        write_setting("/proc/sys/net/ipv4/conf/" + link + "/rp_filter", "1");
      }
    });
  }

 private:
  TemporaryDirectory files_;
};

// What leaves the host by its link, seen after everybody else: what carries bits of ours, and what
// carries wg-quick's mark and nothing else. And what the kernel answers for us to what is refused inside.
void watch_leaving() {
  must_run({"nft",
            "table inet watch {\ncounter ours { }\ncounter tunnel { }\ncounter resets { }\nchain c {\ntype "
            "filter hook postrouting priority 300; policy accept;\nip saddr " +
                kPeerInside.v4 + " tcp flags rst counter name \"resets\"\nip6 saddr " + kPeerInside.v6 +
                " tcp flags rst counter name \"resets\"\noifname != \"wan0\" accept\nmeta mark and "
                "0x0f000000 != 0 counter name \"ours\"\nmeta mark 51820 counter name \"tunnel\"\n}\n}"});
}

std::uint64_t counted(const std::string& counter) {
  const std::string text = must_run({"nft", "list", "counter", "inet", "watch", counter});
  return std::stoull(text.substr(text.find("packets ") + 8));
}

// What conntrack has as the mark of the tunnel's own flow.
std::string tunnels_mark() {
  const std::string entry =
      must_run({"conntrack", "-L", "-p", "udp", "--dport", std::to_string(kWireGuardPort)}) +
      must_run({"conntrack", "-L", "-f", "ipv6", "-p", "udp", "--dport", std::to_string(kWireGuardPort)});
  const std::size_t from = entry.find("mark=");
  return from == std::string::npos ? entry : entry.substr(from, entry.find(' ', from) - from);
}

Way through(const Topology& net, const std::string& to, std::uint16_t port = kPort) {
  return {"through the tunnel", &net.host, {to, port}, {}};
}

TEST_CASE("WireGuard with wg-quick's rules works before, while and after tollgated runs") {
  if (const std::string why = no_wireguard(); !why.empty()) {
    if (!skipping_allowed()) FAIL(why);
    WARN("skipped: " << why);
    return;
  }
  for (const auto& [outer, verdict] : {std::pair{Addresses{kPeer.v4, ""}, std::string{"permanent-accept"}},
                                       std::pair{Addresses{"", kPeer.v6}, std::string{"accept"}}}) {
    INFO(outer.v4 << outer.v6 << " " << verdict);
    const Topology net;
    const Tunnel tunnel{net, outer};
    const EchoServer inside{net.peer, kPeerInside.both(), kPort};
    const EchoServer shut{net.peer, kPeerInside.both(), kShutPort};
    const std::vector<Way> both{through(net, kPeerInside.v4), through(net, kPeerInside.v6)};
    const std::vector<Way> refused{through(net, kPeerInside.v4, kShutPort),
                                   through(net, kPeerInside.v6, kShutPort)};
    in(net.host, [] { watch_leaving(); });
    const auto works = [&] {
      for (const Way& way : both) {
        for (const Transport transport : kTransports) REQUIRE(way.talk(transport) == 0);
      }
    };
    works();
    DaemonUnderTest daemon{net.host,
                           {"[default]\noutbound = \"" + verdict + "\"\ninbound = \"" + verdict + "\"\n" +
                                rule("shut", "permanent-block",
                                     "interface = \"wg0\"\nport = \"" + std::to_string(kShutPort) + "\""),
                            "fail = \"open\"\n"}};
    works();
    Meanwhile traffic{both, Meanwhile::Datagrams::yes};
    traffic.once_more();
    // Rules are about what is inside, too. A reset comes from the other end's address and not through the
    // tunnel: wg-quick's rule against leaks drops it after we have made it. ICMP errors are the host's own.
    const auto resets = [&] { return in(net.host, [] { return counted("resets"); }); };
    for (const Way& way : refused) {
      INFO(way.to.address);
      REQUIRE(way.talk(Transport::udp) == refusal(Transport::udp, way));
      const std::uint64_t before = resets();
      const Socket stream = way.begin(Transport::tcp);
      wait_until("our reset", [&] { return resets() > before; });
      works();
      REQUIRE(nothing_came(stream, Transport::tcp));
    }
    // Its rule saves the whole packet mark, so a verdict does not stay: each packet of the tunnel is asked.
    REQUIRE(in(net.host, [] { return tunnels_mark(); }) == "mark=51820");
    // Without the rule against leaks a stream, too, is refused at once.
    in(net.host, [] {
      for (const char* family : {"ip", "ip6"}) {
        must_run({"nft", "flush", "chain", family, "wg-quick-wg0", "preraw"});
      }
    });
    for (const Way& way : refused) REQUIRE(way.talk(Transport::tcp) == ECONNREFUSED);
    REQUIRE(shut.accepted() + shut.datagrams() == 0);
    daemon.hang_up();
    REQUIRE(daemon.stop().status == 0);
    traffic.once_more();
    daemon.start();
    traffic.once_more();
    REQUIRE(traffic.stop() == "");
    REQUIRE(daemon.stop().status == 0);
    works();
    const Inside host{net.host};
    REQUIRE(counted("tunnel") > 100);
    REQUIRE(counted("ours") == 0);
  }
}

constexpr std::uint32_t kForeign = 1;

// A second link from the host to the peer, and an address of the peer's that is behind both. The main
// table takes the first; a mark of others, and any bit of ours, takes the second.
void second_link(const Topology& net, const Addresses& behind) {
  in(net.host, [&] { shell("ip link add vpn0 type veth peer name vpn0 netns " + net.peer.path()); });
  in(net.peer, [&] {
    shell(
        "ip link set vpn0 up; ip addr add 10.80.0.2/24 dev vpn0; ip addr add fd80::2/64 dev vpn0 nodad; ip "
        "addr add " +
        behind.v4 + "/32 dev lo; ip addr add " + behind.v6 + "/128 dev lo nodad");
  });
  in(net.host, [&] {
    shell("ip link set vpn0 up; ip addr add 10.80.0.1/24 dev vpn0; ip addr add fd80::1/64 dev vpn0 nodad");
    for (const std::string family : {"-4", "-6"}) {
      shell("ip " + family + " route add default via " + (family == "-4" ? "10.80.0.2" : "fd80::2") +
            " table 100; ip " + family + " rule add fwmark 1/1 table 100; ip " + family +
            " rule add fwmark 0x01000000/0x01000000 table 100");
    }
    must_run({"nft",
              "table inet watch {\ncounter first { }\ncounter second { }\nchain c {\ntype filter hook "
              "postrouting priority 300; policy accept;\nmeta l4proto { tcp, udp } th dport 7000 oifname "
              "\"wan0\" counter name \"first\"\nmeta l4proto { tcp, udp } th dport 7000 oifname \"vpn0\" "
              "counter name \"second\"\n}\n}"});
  });
}

Socket marked(int type, const Endpoint& to) {
  Socket socket{to.family(), type};
  socket.set(SOL_SOCKET, SO_MARK, kForeign);
  const SocketAddress address = to_socket_address(to);
  if (::connect(socket.fd(), address.get(), address.length) != 0) REQUIRE(errno == EINPROGRESS);
  return socket;
}

TEST_CASE("routes by others' marks stay as they are; accepted packets are not routed by a mark of ours") {
  const Addresses behind{"10.81.0.1", "fd81::1"};
  for (const std::string verdict : {"permanent-accept", "accept"}) {
    INFO(verdict);
    const Topology net;
    second_link(net, behind);
    const EchoServer on_peer{net.peer, behind.both(), kPort};
    DaemonUnderTest daemon{net.host,
                           {"[default]\noutbound = \"" + verdict + "\"\ninbound = \"" + verdict + "\"\n"}};
    const Inside host{net.host};
    for (const std::string& to : behind.both()) {
      INFO(to);
      const Endpoint there{to, kPort};
      const std::uint64_t first = counted("first");
      for (int i = 0; i < 2; ++i) {
        const Socket stream = marked(SOCK_STREAM, there);
        REQUIRE(finish_connect(stream) == 0);
        REQUIRE(exchange(stream, Transport::tcp, 1 << 16) == 0);
        REQUIRE(exchange(marked(SOCK_DGRAM, there), Transport::udp) == 0);
      }
      REQUIRE(counted("first") == first);
      // A packet mark that says accept is a mark to be routed by: only conntrack's does without.
      if (daemon.status().mark_path == "packet") continue;
      const std::uint64_t second = counted("second");
      REQUIRE(talk(Transport::tcp, there) == 0);
      REQUIRE(talk(Transport::udp, there) == 0);
      REQUIRE(counted("second") == second);
      REQUIRE(counted("first") > first);
    }
    REQUIRE(counted("second") > 0);
    if (verdict == "accept") continue;
    // The verdict is in the flow's mark although it could not be beside the packet's.
    const Socket stream = marked(SOCK_STREAM, {behind.v4, kPort});
    REQUIRE(finish_connect(stream) == 0);
    const std::uint64_t asked =
        asked_during(daemon, [&] { REQUIRE(exchange(stream, Transport::tcp, 1 << 18) == 0); });
    REQUIRE(asked <= 1);  // what was on its way while the mark was written
  }
}

}  // namespace
