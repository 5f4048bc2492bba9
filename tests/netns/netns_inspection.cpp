// SPDX-License-Identifier: GPL-2.0-or-later
// What the first bytes say decides: real clients and servers, and what real ones said when they were
// captured, through the real kernel (DESIGN.md §4, stage 5).
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "client_hello.hpp"
#include "inspection_seed.hpp"
#include "web_server.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

namespace fs = std::filesystem;

// A web server with TLS (and HTTP/2), and one without on the same machine.
struct SecureServer {
  explicit SecureServer(const NetworkNamespace& where, const Addresses& at = kPeer) : process{start(where)} {
    wait_for_listener(where, process, {{at.v4, 443}, {at.v4, 80}});
  }
  Process start(const NetworkNamespace& where) const {
    const std::string key = files.path() + "/key", certificate = files.path() + "/certificate";
    must_run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
              "-nodes", "-subj", "/CN=a.example", "-keyout", key, "-out", certificate});
    files.write("www/page", std::string(200'000, 'x'));
    std::string paths;
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
      paths += std::string{kind} + "_temp_path " + files.path() + "; ";
    const std::string config =
        files.write("nginx.conf", "daemon off; master_process off; user root; pid " + files.path() +
                                      "/pid; error_log stderr; events {} http { access_log off; " + paths +
                                      "root " + files.path() +
                                      "/www; server { listen 80; listen 8080; listen 443 ssl http2; listen "
                                      "[::]:443 ssl http2; ssl_certificate " +
                                      certificate + "; ssl_certificate_key " + key + "; } }");
    return in(where, [&] { return Process{{"nginx", "-p", files.path(), "-e", "stderr", "-c", config}}; });
  }
  TemporaryDirectory files;
  Process process;
};

Finished fetch(const NetworkNamespace& from, const std::string& host, const std::string& url,
               const std::vector<std::string>& more = {}) {
  std::vector<std::string> command{"curl",     "--silent",   "--show-error", "--noproxy",
                                   "*",        "--insecure", "--max-time",   "100",
                                   "--output", "/dev/null",  "--resolve",    host + ":443:" + kPeer.v4};
  command.insert(command.end(), more.begin(), more.end());
  command.push_back(url);
  return in(from, [&] { return run(command); });
}

std::string blocking_name(const std::string& name) {
  return accepting_defaults() + rule("not there", "permanent-block", "sni = \"" + name + "\"");
}

std::string encrypted_only() {
  return accepting_defaults() +
         rule("encrypted or not at all", "permanent-accept", "direction = \"outbound\"\nencrypted = true");
}

// The two ends of a TCP connection, or of a flow of datagrams, from the host to the peer.
struct Ends {
  Ends(const Topology& net, Protocol protocol, std::uint16_t port) {
    const Transport transport = protocol == Protocol::tcp ? Transport::tcp : Transport::udp;
    const Socket listener = in(net.peer, [&] {
      Socket socket{AF_INET, protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM};
      socket.set(SOL_SOCKET, SO_REUSEADDR, 1);
      socket.bind_to({kPeer.v4, port});
      if (protocol == Protocol::tcp) REQUIRE(::listen(socket.fd(), 1) == 0);
      return socket;
    });
    client = in(net.host, [&] { return begin(transport, {kPeer.v4, port}, Endpoint{kHost.v4, 0}); });
    if (protocol == Protocol::tcp) {
      REQUIRE(finish_connect(client) == 0);
      wait_until("a connection", [&] {
        const int fd = ::accept4(listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) server = Socket{fd};
        return fd >= 0;
      });
      client.set(IPPROTO_TCP, TCP_NODELAY, 1);
      server.set(IPPROTO_TCP, TCP_NODELAY, 1);
    } else {
      server = Socket{::dup(listener.fd())};
      const SocketAddress back = to_socket_address(client.local());
      REQUIRE(::connect(server.fd(), back.get(), back.length) == 0);
    }
  }
  // Says it, and waits until the other end has it: false when it never will.
  bool say(bool from_client, const std::vector<std::uint8_t>& bytes) const {
    const Socket& from = from_client ? client : server;
    const Socket& to = from_client ? server : client;
    if (::send(from.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
      return false;
    std::vector<std::uint8_t> heard, part(bytes.size());
    bool broken = false;
    wait_until("what was said to be heard, or refused", [&] {
      const ssize_t size = ::recv(to.fd(), part.data(), part.size(), 0);
      if (size > 0) heard.insert(heard.end(), part.begin(), part.begin() + size);
      broken = size == 0 || (size < 0 && errno != EAGAIN) || is_broken(from);
      return broken || heard.size() >= bytes.size();
    });
    return heard == bytes;
  }
  static bool is_broken(const Socket& socket) {
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &length);
    return error != 0;
  }
  Socket client, server;
};

std::vector<FlowEntry> inspecting(const DaemonUnderTest& daemon) {
  FlowFilter filter;
  filter.state = "inspecting";
  return daemon.flows(filter);
}

std::vector<FlowEntry> to_port(const DaemonUnderTest& daemon, std::uint16_t port) {
  FlowFilter filter;
  filter.destination_port = port;
  return daemon.flows(filter);
}

// Both sides of what was captured, up to where one of them is not heard any more. True: to its end.
bool play(const Ends& ends, const Conversation& conversation) {
  for (const Said& said : conversation.said) {
    if (!ends.say(said.client, said.bytes)) return false;
  }
  return true;
}

Conversation captured(const std::string& name) {
  std::ifstream file{TOLLGATE_SOURCE_DIR "/tests/fuzz/corpus/inspection/" + name, std::ios::binary};
  const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>{file}, {}};
  REQUIRE_FALSE(bytes.empty());
  return read_conversation(bytes);
}

TEST_CASE("a TLS connection takes at most five packets, and then the kernel carries it") {
  TOLLGATE_NEEDS("nginx", "openssl", "curl");
  const Topology net;
  const DaemonUnderTest daemon{net.host, {blocking_name("b.example")}};
  SecureServer server{net.peer};
  const std::uint64_t packets = asked_during(daemon, [&] {
    const Finished got = fetch(net.host, "a.example", "https://a.example/page", {"--http1.1"});
    REQUIRE(got.status == 0);
  });
  CHECK(packets >= 4);
  CHECK(packets <= 5);
  const FlowEntry flow = daemon.flow_to(443);
  CHECK(flow.verdict == "permanent-accept");
  CHECK(flow.sni == "a.example");
  CHECK(flow.protocol_seen == "tls");
  CHECK(flow.encrypted == true);
  wait_until("the record", [&] { return daemon.log().find("after 4 packets") != std::string::npos; });
}

TEST_CASE("a name that is refused is not reached, by curl over TLS") {
  TOLLGATE_NEEDS("nginx", "openssl", "curl");
  const Topology net;
  const DaemonUnderTest daemon{net.host, {blocking_name("*.b.example")}};
  SecureServer server{net.peer};
  const Finished refused = fetch(net.host, "www.b.example", "https://www.b.example/page");
  CHECK(refused.status == 35);  // CURLE_SSL_CONNECT_ERROR
  const FlowEntry flow = daemon.flow_to(443);
  CHECK(flow.verdict == "permanent-block");
  CHECK(flow.rule == "not there");
  CHECK(flow.stage == "inspection");
  CHECK(fetch(net.host, "a.example", "https://a.example/page").status == 0);
}

TEST_CASE("what a client offers by ALPN decides") {
  TOLLGATE_NEEDS("nginx", "openssl", "curl");
  const Topology net;
  const DaemonUnderTest daemon{net.host,
                               {accepting_defaults() + rule("no h2", "permanent-block", "alpn = \"h2\"")}};
  SecureServer server{net.peer};
  CHECK(fetch(net.host, "a.example", "https://a.example/page", {"--http2"}).status == 35);
  CHECK(fetch(net.host, "a.example", "https://a.example/page", {"--http1.1"}).status == 0);
}

TEST_CASE("a ClientHello in tiny segments is read all the same") {
  TOLLGATE_NEEDS("nginx", "openssl", "curl");
  const Topology net;
  const DaemonUnderTest daemon{net.host, {blocking_name("b.example")}};
  SecureServer server{net.peer};
  // One segment a packet, of a hundred bytes.
  in(net.host, [] { must_run({"ip", "link", "set", kHostLink, "gso_max_segs", "1"}); });
  in(net.host, [&] {
    must_run({"ip", "route", "replace", kPeer.v4 + "/32", "dev", kHostLink, "mtu", "lock", "140"});
  });
  CHECK(fetch(net.host, "b.example", "https://b.example/page").status == 35);
  const FlowEntry refused = daemon.flow_to(443);
  CHECK(refused.rule == "not there");
  CHECK(refused.packets > 6);
  CHECK(fetch(net.host, "a.example", "https://a.example/page").status == 0);
}

TEST_CASE("encrypted or not at all: curl without TLS is refused at its first payload") {
  TOLLGATE_NEEDS("nginx", "openssl", "curl");
  const Topology net;
  const DaemonUnderTest daemon{net.host, {encrypted_only()}};
  SecureServer server{net.peer};
  const Finished plain = in(net.host, [] {
    return run({"curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "100",
                "http://" + kPeer.v4 + ":8080/page"});
  });
  CHECK(plain.status == 56);  // CURLE_RECV_ERROR: reset
  CHECK(plain.output.empty());
  const FlowEntry flow = daemon.flow_to(8080);
  CHECK(flow.verdict == "permanent-block");
  CHECK(flow.rule == "encrypted or not at all");
  CHECK(flow.encrypted == false);
  CHECK(fetch(net.host, "a.example", "https://a.example/page").status == 0);
}

TEST_CASE("encrypted or not at all: what real programs said passes or not, in every protocol that is known") {
  const Topology net;
  const DaemonUnderTest daemon{net.host, {encrypted_only()}};
  std::uint16_t port = 20'000;
  std::size_t passed = 0, refused = 0;
  for (const auto& entry : fs::directory_iterator{TOLLGATE_SOURCE_DIR "/tests/fuzz/corpus/inspection"}) {
    const Conversation conversation = captured(entry.path().filename().string());
    const bool carries = conversation.protocol == Protocol::tcp || conversation.protocol == Protocol::udp;
    if (!carries || conversation.said.empty() || conversation.port == 53) continue;
    // Mail by its port, and the rest, are told by what they say: only DNS is known by where it goes.
    INFO(entry.path().filename().string());
    const Ends ends{net, conversation.protocol, ++port};
    const bool whole = play(ends, conversation);
    const FlowEntry flow = daemon.flow_to(port);
    INFO(flow.protocol_seen.value_or("nothing") << ", " << flow.verdict.value_or("none"));
    CHECK(whole == (flow.verdict != "permanent-block"));
    if (flow.verdict == "permanent-accept") {
      CHECK(flow.encrypted == true);
      ++passed;
    } else if (flow.verdict == "permanent-block") {
      CHECK(flow.encrypted == false);
      ++refused;
    }
  }
  CHECK(passed > 10);
  CHECK(refused > 5);
}

TEST_CASE("a first datagram is copied whole from the moment on that a rule asks for it") {
  const Topology net;
  const DaemonUnderTest daemon{net.host, {accepting_defaults()}};
  const Conversation quic = captured("quic-1-udp4434");
  REQUIRE(quic.said.front().bytes.size() >= 1200);
  const Ends before{net, Protocol::udp, 4430};
  REQUIRE(before.say(true, quic.said.front().bytes));
  CHECK_FALSE(daemon.flow_to(4430).protocol_seen);
  daemon.write_policy(accepting_defaults() + rule("no quic", "permanent-drop", "protocol_seen = \"quic\""));
  REQUIRE(daemon.tollgate({"reload"}).status == 0);
  const Ends after{net, Protocol::udp, 4431};
  REQUIRE(::send(after.client.fd(), quic.said.front().bytes.data(), quic.said.front().bytes.size(), 0) >= 0);
  wait_until("a decision", [&] {
    for (const FlowEntry& flow : daemon.flows()) {
      if (flow.destination_port == 4431 && flow.verdict) return true;
    }
    return false;
  });
  CHECK(daemon.flow_to(4431).verdict == "permanent-drop");
  CHECK(daemon.flow_to(4431).protocol_seen == "quic");
  CHECK(daemon.flow_to(4431).sni == daemon.flow_to(4431).domain);
}

TEST_CASE("real handshakes pass: DTLS by openssl, SSH by ssh") {
  TOLLGATE_NEEDS("openssl", "ssh");
  const Topology net;
  const DaemonUnderTest daemon{net.host, {encrypted_only()}};
  const TemporaryDirectory files;
  const std::string key = files.path() + "/key", certificate = files.path() + "/certificate";
  must_run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", "/CN=a.example", "-keyout", key, "-out", certificate});
  Process server = in(net.peer, [&] {
    return Process{{"openssl", "s_server", "-dtls", "-accept", kPeer.v4 + ":4433", "-key", key, "-cert",
                    certificate, "-quiet"}};
  });
  wait_until("a handshake", [&] {
    const Finished client = in(net.host, [&] {
      return run({"sh", "-c", "sleep 1 | timeout 20 openssl s_client -dtls -connect " + kPeer.v4 + ":4433"});
    });
    return client.output.find("Cipher is ECDHE") != std::string::npos ||
           client.output.find("Cipher    : ECDHE") != std::string::npos;
  });
  bool seen = false;
  for (const FlowEntry& flow : daemon.flows()) {
    if (flow.destination_port != 4433) continue;
    seen = seen || flow.protocol_seen == "dtls";
    CHECK(flow.verdict != "permanent-block");
  }
  CHECK(seen);

  // A server that goes no further than its identification is enough to see that the client's gets there.
  const Socket listener = in(net.peer, [&] {
    Socket socket{AF_INET, SOCK_STREAM};
    socket.bind_to({kPeer.v4, 22});
    REQUIRE(::listen(socket.fd(), 1) == 0);
    return socket;
  });
  const Process ssh = in(net.host, [&] {
    return Process{{"ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o",
                    "UserKnownHostsFile=/dev/null", "nobody@" + kPeer.v4}};
  });
  std::string heard;
  Socket peer;
  wait_until("ssh's identification", [&] {
    if (!peer.is_open()) {
      const int fd = ::accept4(listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return false;
      peer = Socket{fd};
      ::send(fd, "SSH-2.0-test\r\n", 14, MSG_NOSIGNAL);
    }
    std::array<char, 256> part{};
    const ssize_t size = ::recv(peer.fd(), part.data(), part.size(), 0);
    if (size > 0) heard.append(part.data(), static_cast<std::size_t>(size));
    return heard.starts_with("SSH-2.0-");
  });
  CHECK(daemon.flow_to(22).verdict == "permanent-accept");
  CHECK(daemon.flow_to(22).protocol_seen == "ssh");
}

TEST_CASE("a connection that says nothing is left alone, over a restart too, and is asked when it speaks") {
  const Topology net;
  DaemonUnderTest daemon{net.host, {blocking_name("b.example")}};
  const Ends good{net, Protocol::tcp, 4500}, bad{net, Protocol::tcp, 4501};
  CHECK(daemon.flow_to(4500).state == "inspecting");
  CHECK(inspecting(daemon).size() == 2);
  daemon.kill();
  daemon.start();
  wait_until("the flows to be found", [&] { return inspecting(daemon).size() == 2; });
  CHECK(good.say(true, HelloBuilder{}.server_name("a.example").records()));
  CHECK_FALSE(bad.say(true, HelloBuilder{}.server_name("b.example").records()));
  CHECK(daemon.flow_to(4500).verdict == "permanent-accept");
  CHECK(daemon.flow_to(4501).verdict == "permanent-block");
  // Both ends of it have heard.
  wait_until("its end", [&] {
    std::array<char, 8> part{};
    return ::recv(bad.server.fd(), part.data(), part.size(), 0) == 0 || errno != EAGAIN;
  });
}

TEST_CASE("flows that arrive, and those that are forwarded, are looked into as well") {
  TOLLGATE_NEEDS("nginx", "openssl", "curl");
  const Topology net{Machines::three};
  const DaemonFiles files{
      "[default]\noutbound = \"permanent-accept\"\ninbound = \"permanent-accept\"\nforward = "
      "\"permanent-accept\"\n" +
          rule("not there", "permanent-block", "sni = \"b.example\""),
      "forward = true\n"};
  const DaemonUnderTest daemon{net.host, files};
  SecureServer server{net.peer};
  CHECK(fetch(*net.inner, "a.example", "https://a.example/page").status == 0);
  CHECK(fetch(*net.inner, "b.example", "https://b.example/page").status == 35);
  for (const FlowEntry& flow : to_port(daemon, 443)) {
    CHECK(flow.direction == "forward");
    CHECK(flow.verdict == (flow.sni == "b.example" ? "permanent-block" : "permanent-accept"));
  }
  SecureServer here{net.host, kHost};
  const auto to_host = [&](const std::string& name) {
    return in(net.peer, [&] {
      return run({"curl", "--silent", "--noproxy", "*", "--insecure", "--max-time", "100", "--output",
                  "/dev/null", "--resolve", name + ":443:" + kHost.v4, "https://" + name + "/page"});
    });
  };
  CHECK(to_host("a.example").status == 0);
  CHECK(to_host("b.example").status == 35);
}

}  // namespace
