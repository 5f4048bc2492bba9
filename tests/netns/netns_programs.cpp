// SPDX-License-Identifier: GPL-2.0-or-later
// Programs that people use, through the verdicts that they meet.
#include <sys/stat.h>

#include "scene.hpp"
#include "web_server.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr int kCouldNotConnect = 7;  // curl(1), EXIT CODES

TEST_CASE("curl and nginx, out and in, accepted and refused") {
  TOLLGATE_NEEDS("curl", "nginx");
  const Scene scene{{accepting_defaults() +
                     rule("not to the other", "permanent-block",
                          "address = [\"" + kOther.v4 + "\", \"" + kOther.v6 + "\"]\nport = \"tcp/80\"")}};
  const WebServer peer{scene.net.peer, kPeer};
  const WebServer other{scene.net.peer, kOther};
  const WebServer host{scene.net.host, kHost};
  for (const std::string& address : kPeer.both()) {
    INFO(address);
    REQUIRE(curl(scene.net.host, address, "small").output == "it works\n");
    const std::uint64_t asked = asked_during(
        scene.daemon, [&] { REQUIRE(curl(scene.net.host, address, "large").output.size() == 1 << 20); });
    REQUIRE(asked == 1);
  }
  for (const std::string& address : kOther.both()) {
    const Finished refused = curl(scene.net.host, address, "small");
    REQUIRE(refused.status == kCouldNotConnect);
  }
  REQUIRE(curl(scene.net.peer, kHost.v4, "large").output.size() == 1 << 20);
}

TEST_CASE("ping, accepted and refused") {
  TOLLGATE_NEEDS("ping");
  const Scene scene{{accepting_defaults() + rule("no pings", "block",
                                                 "protocol = [\"icmp\", \"icmpv6\"]\ndestination = [\"" +
                                                     kOther.v4 + "\", \"" + kOther.v6 + "\"]")}};
  const auto ping = [&](const std::string& address) {
    return in(scene.net.host, [&] { return run({"ping", "-n", "-c", "1", "-W", "100", address}); });
  };
  for (const std::string& address : kPeer.both()) REQUIRE(ping(address).status == 0);
  for (const std::string& address : kOther.both()) {
    const Finished refused = ping(address);
    INFO(refused.output << refused.errors);
    REQUIRE(refused.status == 1);
    REQUIRE((refused.output + refused.errors).find("rohibited") != std::string::npos);
  }
}

std::size_t times_said(const Process& process, const std::string& words) {
  const std::string output = process.output();
  std::size_t times = 0;
  for (std::size_t at = output.find(words); at != std::string::npos; at = output.find(words, at + 1)) ++times;
  return times;
}

TEST_CASE("iperf3 measures through temporary verdicts and through the kernel, TCP and UDP") {
  TOLLGATE_NEEDS("iperf3");
  for (const std::string verdict : {"accept", "permanent-accept"}) {
    INFO(verdict);
    const Scene scene{{peer_has(verdict)}};
    Process server = in(scene.net.peer, [] { return Process{{"iperf3", "-s", "--forceflush"}}; });
    std::size_t runs = 0;  // the server says it each time when it is ready for the next one
    for (const std::string& address : kPeer.both()) {
      for (const std::string options : {"-n 8M", "-n 2M -R", "-u -b 50M -n 1M -l 1200"}) {
        INFO(address << " " << options);
        ++runs;
        wait_until("iperf3's server", [&] { return times_said(server, "Server listening") >= runs; });
        std::vector<std::string> command{"sh", "-c", "exec iperf3 -c " + address + " " + options};
        const Finished finished = in(scene.net.host, [&] { return run(command); });
        INFO(finished.output << finished.errors);
        REQUIRE(finished.status == 0);
      }
    }
    if (verdict == "accept") {
      REQUIRE(scene.daemon.received() > 1000);
    } else {
      // A control and a data connection each, of three runs and two families.
      REQUIRE(scene.daemon.received() == 12);
    }
  }
}

TEST_CASE("ssh's server is found, both families, and hidden by a rule") {
  TOLLGATE_NEEDS("sshd", "ssh-keygen", "ssh-keyscan");
  const Scene scene{{peer_has("permanent-accept") +
                     rule("no ssh here", "permanent-block",
                          "direction = \"inbound\"\nport = \"tcp/22\"\nsource = [\"" + kOther.v4 + "\"]")}};
  const TemporaryDirectory files;
  ::mkdir("/run/sshd", 0755);  // sshd's privilege separation wants it, and packages make it at boot
  must_run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", files.path() + "/key"});
  Process server = in(scene.net.host, [&] {
    return Process{{"/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-h", files.path() + "/key", "-o",
                    "PidFile=none", "-o", "ListenAddress=" + kHost.v4, "-o", "ListenAddress=" + kHost.v6}};
  });
  wait_for_listener(scene.net.host, server, {{kHost.v4, 22}, {kHost.v6, 22}});
  for (const std::string& address : kHost.both()) {
    const Finished scanned = in(scene.net.peer, [&] {
      return run({"ssh-keyscan", "-T", "100", "-t", "ed25519", address});
    });
    INFO(scanned.errors);
    REQUIRE(scanned.output.find("ssh-ed25519") != std::string::npos);
  }
  REQUIRE(in(scene.net.peer, [&] {
            return talk(Transport::tcp, {kHost.v4, 22}, Endpoint{kOther.v4, 0});
          }) == ECONNREFUSED);
}

TEST_CASE("socat's datagrams and nc's streams") {
  TOLLGATE_NEEDS("socat", "nc");
  const Scene scene{{accepting_defaults() + rule("no", "permanent-block", "port = \"7900-7999\"")}};
  Process echo = in(scene.net.peer, [] {
    return Process{{"socat", "UDP6-RECVFROM:7800,fork,ipv6only=0", "PIPE"}};
  });
  wait_until("socat's start", [&] {
    return in(scene.net.peer, [] { return must_run({"ss", "-Huln"}); }).find(":7800") != std::string::npos;
  });
  const auto ask = [&](const std::string& command) {
    return in(scene.net.host, [&] { return run({"sh", "-c", command}); });
  };
  REQUIRE(ask("echo hello | nc -u -W 1 " + kPeer.v4 + " 7800").output == "hello\n");
  REQUIRE(ask("echo hello | nc -N " + kPeer.v4 + " 7000").output == "hello\n");
  REQUIRE(ask("nc -z " + kPeer.v4 + " 7900").status != 0);
  REQUIRE(ask("nc -z " + kPeer.v4 + " 7000").status == 0);
}

}  // namespace
