// SPDX-License-Identifier: GPL-2.0-or-later
// What conntrack knows about a packet besides its flow: INVALID, RELATED.
#include <algorithm>
#include <array>

#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

// Echo replies that nobody asked for: conntrack calls each of them INVALID.
void send_invalid(const NetworkNamespace& from, const std::string& to, int count) {
  const Inside inside{from};
  const Socket raw{AF_INET, SOCK_RAW, IPPROTO_ICMP};
  SocketAddress address = to_socket_address({to, 0});
  for (int i = 0; i < count; ++i) {
    std::array<unsigned char, 8> reply{0, 0, 0xff, 0xff};
    REQUIRE(::sendto(raw.fd(), reply.data(), reply.size(), 0, address.get(), address.length) == 8);
  }
}

// Packets that have reached a raw socket so far.
int arrived(const Socket& raw) {
  int count = 0;
  std::array<unsigned char, 128> packet{};
  while (::recv(raw.fd(), packet.data(), packet.size(), MSG_DONTWAIT) >= 0) ++count;
  return count;
}

bool uncounted(const Scene& scene) { return !scene.daemon.status().conntrack.invalid; }

TEST_CASE("INVALID is dropped or passes, and status has counted it") {
  for (const bool drop : {true, false}) {
    INFO((drop ? "drop" : "pass"));
    const Scene scene{{accepting_defaults(), drop ? "" : "invalid = \"pass\"\n"}};
    if (uncounted(scene)) {
      WARN("not counted here: these are the rules of iptables-legacy");
      return;
    }
    const Socket listening = in(scene.net.host, [] { return Socket{AF_INET, SOCK_RAW, IPPROTO_ICMP}; });
    CHECK(scene.daemon.status().conntrack.invalid == 0U);
    send_invalid(scene.net.peer, kHost.v4, 7);
    wait_until("the count", [&] { return scene.daemon.status().conntrack.invalid == 7U; });
    CHECK(arrived(listening) == (drop ? 0 : 7));
    CHECK(scene.daemon.received() == 0);
    // What is loaded anew counts anew, and status goes on.
    in(scene.net.host, [&] {
      must_run({our_program("tollgate"), "ruleset", "apply", "--config", scene.daemon.config_file(),
                "--backend", scene.daemon.status().backend});
    });
    send_invalid(scene.net.peer, kHost.v4, 2);
    wait_until("the count", [&] { return scene.daemon.status().conntrack.invalid == 9U; });
  }
}

TEST_CASE("what somebody exempts from conntrack is decided packet by packet, counted, logged and in status") {
  TOLLGATE_NEEDS("nft");
  for (const bool accept : {true, false}) {
    INFO((accept ? "accepted" : "blocked"));
    const Scene scene{{peer_has(accept ? "permanent-accept" : "permanent-block")}};
    if (uncounted(scene)) {
      WARN("not counted here: these are the rules of iptables-legacy");
      return;
    }
    CHECK(scene.daemon.status().conntrack.untracked == 0U);
    exempt_udp(scene.net.host);
    std::uint64_t packets = 0;
    for (const Way& way : ways(scene, kPeer)) {
      INFO(way.name());
      const Socket socket = way.begin(Transport::udp);
      for (int i = 0; i < 3; ++i) REQUIRE((exchange(socket, Transport::udp) == 0) == accept);
      // Question and answer, each of them; what was tracked before is as it was.
      packets += accept ? 6 : 3;
      REQUIRE(way.talk(Transport::tcp) == (accept ? 0 : ECONNREFUSED));
    }
    wait_until("the count", [&] { return scene.daemon.status().conntrack.untracked == packets; });
    wait_until("the word of it", [&] {
      return scene.daemon.log().find("packets are not tracked by conntrack") != std::string::npos;
    });
  }
}

TEST_CASE("where no rule makes the kernel track connections, that is seen and said") {
  TOLLGATE_NEEDS("iptables");
  // Somebody's own rules, which bring packets up and use conntrack for nothing.
  const Scene scene{{accepting_defaults(), "ruleset = \"none\"\n"}};
  in(scene.net.host, [] {
    for (const char* chain : {"INPUT", "OUTPUT"})
      must_run({"iptables", "-A", chain, "-p", "udp", "-j", "NFQUEUE", "--queue-num", "4200"});
  });
  const Way out = outbound(scene, kPeer.v4);
  const auto says = [](const std::vector<std::string>& lacking) {
    return std::any_of(lacking.begin(), lacking.end(), [](const std::string& what) {
      return what.find("tracking of connections") != std::string::npos;
    });
  };
  wait_until("the word of it", [&] {
    REQUIRE(out.talk(Transport::udp) == 0);
    return says(scene.daemon.status().lacking);
  });
  CHECK(scene.daemon.log().find("conntrack tracks no connection while packets pass") != std::string::npos);
}

// --- a conntrack helper, with a client that people use and a server that knows just enough

constexpr const char* kFtpServer = R"py(
import socket, sys, threading
address, family = sys.argv[1], socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
listener = socket.create_server((address, 21), family=family)
print('ready', flush=True)
def serve(control):
    lines = control.makefile('r', newline='\r\n')
    say = lambda text: control.sendall((text + '\r\n').encode())
    say('220 ready')
    passive, active = None, None
    for line in lines:
        word, _, rest = line.strip().partition(' ')
        word = word.upper()
        if word == 'USER': say('331 password')
        elif word == 'PASS': say('230 in')
        elif word in ('TYPE', 'CWD'): say('200 fine')
        elif word == 'PWD': say('257 "/"')
        elif word in ('EPSV', 'PASV'):
            passive = socket.create_server((address, 0), family=family)
            port = passive.getsockname()[1]
            if word == 'EPSV': say('229 Passive (|||%d|)' % port)
            else: say('227 Passive (%s,%d,%d)' % (address.replace('.', ','), port >> 8, port & 255))
        elif word == 'EPRT':
            _, _, host, port, _ = rest.split('|')
            active = (host, int(port)); say('200 fine')
        elif word == 'PORT':
            parts = rest.split(',')
            active = ('.'.join(parts[:4]), int(parts[4]) * 256 + int(parts[5])); say('200 fine')
        elif word == 'RETR':
            if passive: say('150 here'); data = passive.accept()[0]
            else:
                say('150 here')
                try: data = socket.create_connection(active, timeout=60)
                except OSError as why: say('425 no connection: %s' % why); continue
            data.sendall(b'it works\n'); data.close(); say('226 done')
        elif word == 'QUIT': say('221 bye'); break
        else: say('502 no ' + word)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
)py";

struct FtpServer {
  FtpServer(const NetworkNamespace& where, const std::string& address)
      : process{in(where, [&] {
          return Process{{"python3", "-c", kFtpServer, address}};
        })} {
    wait_until("the server's start", [&] {
      if (!process.running()) throw std::runtime_error{"it ended: " + process.errors()};
      return process.output().find("ready") != std::string::npos;
    });
  }
  Process process;
};

// Since Linux 4.7 no flow has a helper unless a rule gives it one.
bool give_helper(const NetworkNamespace& where) {
  const Inside inside{where};
  TemporaryDirectory files;
  const std::string rules = files.write(
      "helper.nft",
      "table inet helping {\n\tct helper ftp { type \"ftp\" protocol tcp; }\n"
      "\tchain out { type filter hook output priority -160; tcp dport 21 ct helper set \"ftp\"; }\n}\n");
  return run({"nft", "-f", rules}).status == 0;
}

Finished ftp(const NetworkNamespace& from, const std::string& address, bool active) {
  const std::string host = address.find(':') == std::string::npos ? address : "[" + address + "]";
  std::vector<std::string> command{"curl", "--silent",  "--show-error", "--noproxy",
                                   "*",    "--globoff", "--max-time",   "100"};
  if (active) command.insert(command.end(), {"--ftp-port", "-"});
  command.push_back("ftp://" + host + "/file");
  return in(from, [&] { return run(command); });
}

std::string control_only(const std::string& verdict = "permanent-accept") {
  return "[default]\noutbound = \"permanent-block\"\ninbound = \"permanent-block\"\n" +
         rule("control", verdict, "port = \"tcp/21\"\ndirection = \"outbound\"");
}

#define NEEDS_FTP(scene)                                                                  \
  if (!give_helper((scene).net.host)) {                                                   \
    WARN("skipped: this kernel has no helper for FTP (CONFIG_NF_CONNTRACK_FTP, NFT_CT)"); \
    return;                                                                               \
  }

TEST_CASE("related = inherit: what a helper expects has its master's verdict, both ways") {
  TOLLGATE_NEEDS("curl", "python3");
  for (const std::string& address : kPeer.both()) {
    const Scene scene{{control_only()}};
    NEEDS_FTP(scene);
    const FtpServer server{scene.net.peer, address};
    for (const bool active : {false, true}) {
      INFO(address << (active ? " active" : " passive"));
      const std::uint64_t asked = asked_during(scene.daemon, [&] {
        const Finished got = ftp(scene.net.host, address, active);
        INFO(got.errors);
        CHECK(got.output == "it works\n");
      });
      CHECK(asked == 1);  // the control connection
    }
  }
}

TEST_CASE(
    "related = inherit: of a master that is asked packet by packet, where the kernel says whose it is") {
  TOLLGATE_NEEDS("curl", "python3");
  for (const std::string& address : kPeer.both()) {
    const Scene scene{{control_only("accept")}};
    NEEDS_FTP(scene);
    const FtpServer server{scene.net.peer, address};
    const bool told = scene.daemon.status().mark_path == "conntrack";
    for (const bool active : {false, true}) {
      INFO(address << (active ? " active" : " passive") << (told ? ", told" : ", not told"));
      const Finished got = ftp(scene.net.host, address, active);
      INFO(got.errors << scene.daemon.log());
      CHECK(got.output == (told ? "it works\n" : ""));
    }
  }
}

TEST_CASE("related = decide: what a helper expects is asked about by itself") {
  TOLLGATE_NEEDS("curl", "python3");
  for (const std::string& address : kPeer.both()) {
    Scene scene{{control_only(), "related = \"decide\"\n"}};
    NEEDS_FTP(scene);
    const FtpServer server{scene.net.peer, address};
    for (const bool active : {false, true}) {
      INFO(address << (active ? " active" : " passive"));
      const std::uint64_t blocked = scene.daemon.verdicts("permanent-block");
      CHECK(ftp(scene.net.host, address, active).output.empty());
      CHECK(scene.daemon.verdicts("permanent-block") > blocked);
    }
    scene.daemon.write_policy(
        control_only() +
        rule("data out", "permanent-accept", "port = \"tcp/1024-65535\"\ndirection = \"outbound\"") +
        rule("data in", "permanent-accept", "source_port = \"tcp/1024-65535\"\ndirection = \"inbound\""));
    scene.daemon.hang_up();
    for (const bool active : {false, true}) {
      INFO(address << (active ? " active, allowed" : " passive, allowed"));
      const std::uint64_t asked = asked_during(scene.daemon, [&] {
        const Finished got = ftp(scene.net.host, address, active);
        INFO(got.errors);
        CHECK(got.output == "it works\n");
      });
      CHECK(asked == 2);  // control and data, their first packets only
    }
  }
}

TEST_CASE("icmp_errors = decide: an error is asked about whatever its flow's verdict is") {
  for (const bool decide : {false, true}) {
    INFO((decide ? "decide" : "follow"));
    const Scene scene{
        {accepting_defaults() + rule("no errors", "drop", "protocol = \"icmp\"\ndirection = \"inbound\""),
         decide ? "icmp_errors = \"decide\"\n" : ""}};
    // Nobody listens there: the peer says so by port unreachable.
    const Socket socket = in(scene.net.host, [] { return begin(Transport::udp, {kPeer.v4, 7999}); });
    send_one(socket, Transport::udp);
    if (decide) {
      wait_until("the drop", [&] { return scene.daemon.verdicts("drop") == 1; });
      CHECK(nothing_came(socket, Transport::udp));
    } else {
      CHECK(exchange(socket, Transport::udp) == ECONNREFUSED);
      CHECK(scene.daemon.verdicts("drop") == 0);
    }
  }
}

}  // namespace
