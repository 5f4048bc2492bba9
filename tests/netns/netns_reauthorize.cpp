// SPDX-License-Identifier: GPL-2.0-or-later
// Decisions taken back while the connection lives (DESIGN.md §5), with programs that people use.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "web_server.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

std::string peer_is(const std::string& verdict) {
  return accepting_defaults() +
         rule("the peer", verdict, "address = [\"" + kPeer.v4 + "\", \"" + kPeer.v6 + "\"]");
}

std::string peer_listed(const std::string& verdict) {
  return "[list.bad]\naddresses = \"bad.txt\"\n" + accepting_defaults() +
         rule("listed", verdict, "address = \"@bad\"");
}

// A download that takes hours, and how much of it is there.
class Download {
 public:
  Download(const NetworkNamespace& from, const std::string& address)
      : program_{in(from, [&] {
          return Process{{"curl", "--silent", "--show-error", "--noproxy", "*", "--no-buffer", "--globoff",
                          "http://" + bracketed(address) + "/slow"}};
        })} {
    wait_for_more();
  }
  // Bytes that come now, and no sooner.
  void wait_for_more() {
    const std::size_t before = program_.output().size();
    wait_until("the download going on", [&] {
      if (!program_.running()) throw std::runtime_error{"the download ended: " + program_.errors()};
      return program_.output().size() > before;
    });
  }
  Finished end() { return program_.wait(); }
  bool running() { return program_.running(); }

 private:
  Process program_;
};

constexpr int kBroken = 56;  // curl(1), EXIT CODES: failure in receiving network data

// TCP connections of that machine that are established, to or from that address.
std::string connections(const NetworkNamespace& where, const std::string& address) {
  return in(where, [&] {
    return must_run({"ss", "-Htn", "state", "established", "dst", bracketed(address)});
  });
}

// The same of one client's port, whichever end is there.
std::string connections_with(const NetworkNamespace& where, const Socket& client) {
  const std::string port = ":" + std::to_string(client.local().port);
  return in(where, [&] {
    return must_run(
        {"ss", "-Htn", "state", "established", "( sport = " + port + " or dport = " + port + " )"});
  });
}

TEST_CASE("a long download is cut by a reload that blocks it, its neighbour is not touched") {
  TOLLGATE_NEEDS("curl", "nginx", "ss");
  Scene scene{{peer_is("permanent-accept")}};
  const WebServer peer{scene.net.peer, kPeer};
  const WebServer other{scene.net.peer, kOther};
  for (const bool v4 : {true, false}) {
    const std::string address = v4 ? kPeer.v4 : kPeer.v6, control = v4 ? kOther.v4 : kOther.v6;
    INFO(address);
    Download cut{scene.net.host, address};
    Download neighbour{scene.net.host, control};
    const std::uint64_t asked = asked_during(scene.daemon, [&] {
      scene.daemon.write_policy(peer_is("permanent-block"));
      scene.daemon.hang_up();
      const Finished ended = cut.end();
      INFO(ended.errors);
      REQUIRE(ended.status == kBroken);
      neighbour.wait_for_more();
    });
    REQUIRE(asked == 0);
    // At both ends: the server has no connection left but the neighbour's.
    wait_until("the server's end", [&] {
      const std::string left = connections(scene.net.peer, v4 ? kHost.v4 : kHost.v6);
      return left.find(address) == std::string::npos && left.find(control) != std::string::npos;
    });
    REQUIRE(curl(scene.net.host, address, "small").status != 0);
    // And taken back the other way: the program's next try gets through.
    scene.daemon.write_policy(peer_is("permanent-accept"));
    scene.daemon.hang_up();
    REQUIRE(curl(scene.net.host, address, "small").output == "it works\n");
    neighbour.wait_for_more();
  }
}

TEST_CASE("what arrives is cut too: the local server loses its connection, and the client is told") {
  TOLLGATE_NEEDS("curl", "nginx", "ss");
  Scene scene{{peer_is("permanent-accept")}};
  const WebServer host{scene.net.host, kHost};
  Download cut{scene.net.peer, kHost.v6};
  scene.daemon.write_policy(peer_is("permanent-block"));
  scene.daemon.hang_up();
  REQUIRE(cut.end().status == kBroken);
  wait_until("the server's end", [&] { return connections(scene.net.host, kPeer.v6).empty(); });
}

TEST_CASE("a connection that the kernel holds no verdict for is cut at both ends at once, too") {
  TOLLGATE_NEEDS("ss");
  // Each of its packets is asked about, and so would be the reset that tells the other end.
  Scene scene{{peer_is("accept")}};
  const auto lacking = scene.daemon.status().lacking;
  if (std::any_of(lacking.begin(), lacking.end(), [](const std::string& what) {
        return what.find("CONFIG_INET_DIAG_DESTROY") != std::string::npos;
      })) {
    WARN("SKIPPED: this kernel ends no sockets on demand");
    return;
  }
  for (const std::string blocked : {"block", "permanent-block"}) {
    for (const Way& way : ways(scene, kPeer)) {
      INFO(way.name() + " " + blocked);
      const Socket stream = way.open(Transport::tcp);
      REQUIRE(exchange(stream, Transport::tcp) == 0);
      scene.daemon.write_policy(peer_is(blocked));
      scene.daemon.hang_up();
      // Nobody sends anything from here on.
      wait_until("the local end", [&] { return connections_with(scene.net.host, stream).empty(); });
      wait_until("the end far away", [&] { return connections_with(scene.net.peer, stream).empty(); });
      REQUIRE(way.talk(Transport::tcp) != 0);
      scene.daemon.write_policy(peer_is("accept"));
      scene.daemon.hang_up();
      REQUIRE(way.talk(Transport::tcp) == 0);
    }
  }
}

TEST_CASE("a block that only the rules carry out meets the next packet with a reset, whoever sends it") {
  TOLLGATE_NEEDS("conntrack");
  const Scene scene{{accepting_defaults()}};
  // As on a kernel that ends no sockets: the mark alone.
  for (const Way& way : ways(scene, kPeer)) {
    INFO(way.name());
    const Socket stream = way.open(Transport::tcp);
    REQUIRE(exchange(stream, Transport::tcp) == 0);
    in(scene.net.host, [&] {
      must_run({"conntrack", "-U", "-f", way.to.family() == AF_INET ? "ipv4" : "ipv6", "-p", "tcp", "--sport",
                std::to_string(stream.local().port), "--mark", "0x2000000/0xf000000"});
    });
    REQUIRE(exchange(stream, Transport::tcp) == ECONNRESET);
  }
}

TEST_CASE("a forwarded connection is cut by a reload: its next packet is answered with a reset") {
  const auto policy = [](const std::string& verdict) {
    return "[default]\nforward = \"permanent-accept\"\n" +
           rule("the peer", verdict, "destination = [\"" + kPeer.v4 + "\", \"" + kPeer.v6 + "\"]");
  };
  const Topology net{Machines::three};
  const EchoServer on_peer{net.peer, {kPeer.v4, kPeer.v6, kOther.v4}, kPort};
  DaemonUnderTest daemon{net.host, {policy("permanent-accept"), "forward = true\n"}};
  const auto open = [&](const std::string& address) {
    Socket socket = in(*net.inner, [&] { return begin(Transport::tcp, {address, kPort}); });
    REQUIRE(finish_connect(socket) == 0);
    REQUIRE(exchange(socket, Transport::tcp) == 0);
    return socket;
  };
  const Socket v4 = open(kPeer.v4), v6 = open(kPeer.v6), neighbour = open(kOther.v4);
  daemon.write_policy(policy("permanent-block"));
  daemon.hang_up();
  for (const Socket* cut : {&v4, &v6}) {
    int error = 0;
    wait_until("the reset", [&] { return (error = exchange(*cut, Transport::tcp)) != 0; });
    REQUIRE(error == ECONNRESET);
  }
  REQUIRE(exchange(neighbour, Transport::tcp) == 0);
}

TEST_CASE("UDP is refused from the next packet on, and let through again") {
  Scene scene{{peer_is("permanent-accept")}};
  const auto here = ways(scene, kPeer), there = ways(scene, kOther);
  for (std::size_t i = 0; i < here.size(); ++i) {
    INFO(here[i].name());
    const Socket socket = here[i].begin(Transport::udp);
    const Socket control = there[i].begin(Transport::udp);
    REQUIRE(exchange(socket, Transport::udp) == 0);
    REQUIRE(exchange(control, Transport::udp) == 0);
    scene.daemon.write_policy(peer_is("permanent-block"));
    scene.daemon.hang_up();
    wait_until("the refusal", [&] { return exchange(socket, Transport::udp) != 0; });
    const std::uint64_t served = scene.served();
    REQUIRE(exchange(socket, Transport::udp) != 0);
    REQUIRE(scene.served() == served);
    REQUIRE(exchange(control, Transport::udp) == 0);
    scene.daemon.write_policy(peer_is("permanent-accept"));
    scene.daemon.hang_up();
    wait_until("the way back", [&] { return exchange(socket, Transport::udp) == 0; });
  }
}

TEST_CASE("an ssh session lives through ten reloads, and none of its packets is asked about") {
  TOLLGATE_NEEDS("ssh", "sshd", "ssh-keygen");
  Scene scene{{peer_is("permanent-accept")}};
  const TemporaryDirectory files;
  ::mkdir("/run/sshd", 0755);  // sshd's privilege separation wants it, and packages make it at boot
  for (const char* key : {"host", "user"}) {
    must_run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", files.path() + "/" + key});
  }
  Process server = in(scene.net.peer, [&] {
    return Process{{"/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-h", files.path() + "/host", "-o",
                    "PidFile=none", "-o", "StrictModes=no", "-o", "PermitRootLogin=yes", "-o",
                    "AuthorizedKeysFile=" + files.path() + "/user.pub", "-o", "ListenAddress=" + kPeer.v6}};
  });
  wait_for_listener(scene.net.peer, server, {{kPeer.v6, 22}});
  Process session = in(scene.net.host, [&] {
    return Process{{"ssh", "-F", "/dev/null", "-i", files.path() + "/user", "-o", "StrictHostKeyChecking=no",
                    "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "root@" + kPeer.v6,
                    "while echo still here; do sleep 0.02; done"}};
  });
  const auto wait_for_more = [&] {
    const std::size_t before = session.output().size();
    wait_until("the session going on", [&] {
      if (!session.running()) throw std::runtime_error{"ssh ended: " + session.errors() + server.errors()};
      return session.output().size() > before;
    });
  };
  wait_for_more();
  const std::uint64_t asked = asked_during(scene.daemon, [&] {
    for (int i = 0; i < 10; ++i) {
      INFO(i);
      scene.daemon.write_policy(peer_is("permanent-accept") +
                                rule("one more " + std::to_string(i), "permanent-block",
                                     "port = \"tcp/" + std::to_string(9000 + i) + "\""));
      scene.daemon.hang_up();
      wait_for_more();
    }
  });
  REQUIRE(asked == 0);
  REQUIRE(scene.daemon.status().policy.generation == 11);
  REQUIRE(scene.daemon.flow_to(22).state == "active");
}

TEST_CASE("a list that changes on disk cuts what it names, without anybody asking for a reload") {
  Scene scene{{peer_listed("permanent-block")}, DaemonUnderTest::Start::later};
  scene.daemon.write_list("bad.txt", "192.0.2.1\n");
  scene.daemon.start();
  const Socket stream = outbound(scene, kPeer.v4).open(Transport::tcp);
  const Socket neighbour = outbound(scene, kOther.v4).open(Transport::tcp);
  REQUIRE(exchange(stream, Transport::tcp) == 0);
  scene.daemon.write_list("bad.txt", "192.0.2.1\n" + kPeer.v4 + "\n");
  wait_until("the end of the connection", [&] { return !is_connected(stream); });
  REQUIRE(exchange(neighbour, Transport::tcp) == 0);
  REQUIRE(outbound(scene, kPeer.v4).talk(Transport::tcp) == ECONNREFUSED);
  // Replaced as programs do it, by a rename.
  scene.daemon.write_list("bad.txt.new", "192.0.2.1\n");
  std::filesystem::rename(scene.daemon.policy_folder() + "/bad.txt.new",
                          scene.daemon.policy_folder() + "/bad.txt");
  wait_until("the way back", [&] { return outbound(scene, kPeer.v4).talk(Transport::tcp) == 0; });
  // One that makes no sense is refused, and what was in force stays.
  scene.daemon.write_list("bad.txt", "no address\n");
  wait_until("the refusal",
             [&] { return scene.daemon.log().find("the new policy is refused") != std::string::npos; });
  REQUIRE(exchange(neighbour, Transport::tcp) == 0);
  REQUIRE(outbound(scene, kPeer.v4).talk(Transport::tcp) == 0);
}

TEST_CASE("what re-decided a flow is in the log: old and new verdict, rule and cause") {
  Scene scene{{peer_is("permanent-accept")}};
  const Socket stream = outbound(scene, kPeer.v4).open(Transport::tcp);
  scene.daemon.write_policy(peer_is("permanent-block"));
  scene.daemon.hang_up();
  wait_until("the end of the connection", [&] { return !is_connected(stream); });
  const std::string words =
      ", rule \"the peer\" (communication), was permanent-accept by rule \"the peer\" (policy)";
  wait_until("the record", [&] { return scene.daemon.log().find(words) != std::string::npos; });
}

}  // namespace
