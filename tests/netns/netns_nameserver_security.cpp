// SPDX-License-Identifier: GPL-2.0-or-later
// The daemon's nameserver and whom it believes: DNS over TLS with the certificate's name, DNSSEC.
#include <sys/socket.h>

#include <sstream>

#include "name_world.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

DaemonFiles files(const std::string& more) {
  return {
      "[default]\noutbound = \"permanent-block\"\ninbound = \"permanent-accept\"\n" +
          rule("all DNS", "reroute-nameserver", "direction = \"outbound\"\nport = [\"udp/53\", \"tcp/53\"]"),
      "", own_nameserver(more)};
}

std::string upstream(const std::string& name) { return "\"tls://" + kPeer.v4 + "#" + name + "\""; }

// unbound, answering by TLS alone, with a certificate for dns.example.org.
class TlsServer {
 public:
  explicit TlsServer(const NetworkNamespace& where) : server_{start(where)} {
    wait_until("unbound's start", [&] {
      if (!server_.running()) throw std::runtime_error{"unbound ended: " + server_.errors()};
      return server_.errors().find("start of service") != std::string::npos;
    });
  }
  std::string authority() const { return files_.path() + "/ca.pem"; }

 private:
  void make_certificates() {
    const std::string folder = files_.path();
    files_.write("name", "subjectAltName = DNS:dns.example.org\n");
    must_run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
              "-nodes", "-days", "2", "-subj", "/CN=test authority", "-keyout", folder + "/ca.key", "-out",
              folder + "/ca.pem"});
    must_run({"openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
              "-subj", "/CN=dns", "-keyout", folder + "/key.pem", "-out", folder + "/request"});
    must_run({"openssl", "x509", "-req", "-in", folder + "/request", "-CA", folder + "/ca.pem", "-CAkey",
              folder + "/ca.key", "-CAcreateserial", "-days", "2", "-extfile", folder + "/name", "-out",
              folder + "/cert.pem"});
  }
  Process start(const NetworkNamespace& where) {
    make_certificates();
    const std::string& folder = files_.path();
    const std::string file = files_.write(
        "unbound.conf",
        "server:\n verbosity: 1\n use-syslog: no\n logfile: \"\"\n do-daemonize: no\n chroot: \"\"\n"
        " username: \"\"\n directory: \"" +
            folder + "\"\n pidfile: \"\"\n module-config: \"iterator\"\n interface: " + kPeer.v4 +
            "@853\n tls-port: 853\n access-control: 0.0.0.0/0 allow\n tls-service-key: \"" + folder +
            "/key.pem\"\n tls-service-pem: \"" + folder +
            "/cert.pem\"\n local-zone: \"example.org.\" static\n local-data: \"www.example.org. A "
            "192.0.2.80\"\nremote-control:\n control-enable: no\n");
    return in(where, [&] { return Process{{"unbound", "-d", "-c", file}}; });
  }

  TemporaryDirectory files_;
  Process server_;
};

std::string tls_files(const TlsServer& server, const std::string& upstreams) {
  return "upstreams = [" + upstreams + "]\ntls_ca = \"" + server.authority() + "\"\n";
}

// The ports of this machine on 127.0.0.1 that are not our nameserver's.
std::vector<std::uint16_t> listening(const NetworkNamespace& where) {
  std::istringstream lines{in(where, [] { return must_run({"ss", "-Htln", "src", "127.0.0.1"}); })};
  std::vector<std::uint16_t> ports;
  std::string state, received, sent, local, rest;
  while (lines >> state >> received >> sent >> local && std::getline(lines, rest)) {
    const auto port = static_cast<std::uint16_t>(std::stoul(local.substr(local.rfind(':') + 1)));
    if (port != kOwnPort) ports.push_back(port);
  }
  return ports;
}

TEST_CASE("questions go by TLS to the server that the certificate names, and to nobody else") {
  TOLLGATE_NEEDS("unbound", "openssl", "dig", "ss");
  const Topology net;
  const TlsServer server{net.peer};
  SECTION("the right name") {
    const DaemonUnderTest daemon{net.host, files(tls_files(server, upstream("dns.example.org")))};
    CHECK(dig_short(net.host, kNobody.v4, {"www.example.org"}) == "192.0.2.80\n");
    CHECK(dig(net.host, kNobody.v6, {"no.example.org", "+tcp"}).find("status: NXDOMAIN") !=
          std::string::npos);
    CHECK(daemon.status().nameserver.at("tls_failed") == 0);
    // Whoever else finds the way in that our resolver has there is shown the door.
    const std::vector<std::uint16_t> ports = listening(net.host);
    REQUIRE(ports.size() == 1);
    const Inside host{net.host};
    const Socket stranger = begin(Transport::tcp, {kLoopback.v4, ports[0]});
    REQUIRE(finish_connect(stranger) == 0);
    char byte = 0;
    wait_until("the end of the connection", [&] {
      const auto got = ::recv(stranger.fd(), &byte, 1, MSG_DONTWAIT);
      return got == 0 || (got < 0 && errno == ECONNRESET);
    });
  }
  SECTION("another name: no answer, and the log says why") {
    const DaemonUnderTest daemon{net.host, files(tls_files(server, upstream("evil.example.org")))};
    CHECK(dig(net.host, kNobody.v4, {"www.example.org"}).find("status: SERVFAIL") != std::string::npos);
    CHECK(daemon.status().nameserver.at("tls_failed") > 0);
    CHECK(daemon.log().find("nameserver: tls://10.77.0.2 port 853 (evil.example.org): certificate: hostname "
                            "mismatch") != std::string::npos);
  }
  SECTION("an authority that nobody believes") {
    const DaemonUnderTest daemon{net.host, files("upstreams = [" + upstream("dns.example.org") + "]\n")};
    CHECK(dig(net.host, kNobody.v4, {"www.example.org"}).find("status: SERVFAIL") != std::string::npos);
    CHECK(daemon.log().find("(dns.example.org): certificate: ") != std::string::npos);
  }
  SECTION("where one is not who it should be, another one is asked") {
    const DaemonUnderTest daemon{net.host, files(tls_files(server, upstream("evil.example.org") + ", " +
                                                                       upstream("dns.example.org")))};
    CHECK(dig_short(net.host, kNobody.v4, {"www.example.org"}) == "192.0.2.80\n");
  }
}

// A signed root zone, and its key.
struct SignedRoot {
  SignedRoot(const NetworkNamespace& where) {
    const std::string folder = files.path();
    files.write("root.zone",
                "$ORIGIN .\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 300\n@ NS ns\nns A 10.77.0.2\n"
                "www.example.org A 192.0.2.80\nforged.example.org A 192.0.2.66\n");
    const std::string named =
        must_run({"sh", "-c", "cd " + folder + " && ldns-keygen -a ECDSAP256SHA256 -k ."});
    const std::string key = named.substr(0, named.find('\n'));
    must_run({"sh", "-c",
              "cd " + folder + " && ldns-signzone root.zone " + key +
                  " && sed -i '/^forged/s/192.0.2.66/192.0.2.67/' root.zone.signed"});
    anchor = folder + "/" + key + ".key";
    server.emplace(in(where, [&] {
      return Process{{"nsd", "-d", "-c",
                      files.write("nsd.conf", nsd_config(folder, kPeer, 53, ".", "root.zone.signed"))}};
    }));
    wait_until("nsd's start", [&] {
      if (!server->running()) throw std::runtime_error{"nsd ended: " + server->errors()};
      return dig_short(where, kPeer.v4, {"www.example.org", "+time=1"}) == "192.0.2.80\n";
    });
  }
  TemporaryDirectory files;
  std::string anchor;
  std::optional<Process> server;
};

TEST_CASE("answers are validated, and what was changed on its way is not passed on") {
  TOLLGATE_NEEDS("nsd", "ldns-keygen", "ldns-signzone", "dig");
  const Topology net;
  const SignedRoot world{net.peer};
  const DaemonUnderTest daemon{
      net.host, files("upstreams = [\"" + kPeer.v4 + "\"]\nroot_anchor = \"" + world.anchor + "\"\n")};
  const std::string good = dig(net.host, kNobody.v4, {"www.example.org", "+adflag"});
  CHECK(good.find("flags: qr rd ra ad;") != std::string::npos);
  CHECK(good.find("192.0.2.80") != std::string::npos);
  CHECK(good.find("RRSIG") == std::string::npos);
  const std::string with_signatures = dig(net.host, kNobody.v4, {"www.example.org", "+dnssec"});
  CHECK(with_signatures.find("RRSIG") != std::string::npos);
  const std::string forged = dig(net.host, kNobody.v4, {"forged.example.org"});
  CHECK(forged.find("status: SERVFAIL") != std::string::npos);
  CHECK(forged.find("EDE: 6 (DNSSEC Bogus)") != std::string::npos);
  CHECK(dig(net.host, kNobody.v4, {"forged.example.org", "+cdflag"}).find("192.0.2.67") != std::string::npos);
  CHECK(daemon.status().nameserver.at("bogus") == 1);
}

TEST_CASE("anchors that cannot be read stop the start, and are named") {
  const Topology net;
  DaemonUnderTest daemon{net.host,
                         files("upstreams = [\"" + kPeer.v4 + "\"]\nroot_anchor = \"/nowhere/root.key\"\n"),
                         DaemonUnderTest::Start::later};
  const Finished refused = daemon.start_refused();
  CHECK(refused.status == 1);
  CHECK(refused.errors.find("can it read the anchors in /nowhere/root.key?") != std::string::npos);
}

}  // namespace
