// SPDX-License-Identifier: GPL-2.0-or-later
// How flows end, and what becomes of them while the daemon is away (DESIGN.md §3).
#include <sys/socket.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <set>
#include <thread>

#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

std::size_t in_state(const DaemonUnderTest& daemon, const std::string& state) {
  FlowFilter filter;
  filter.state = state;
  return daemon.flows(filter).size();
}

// The flow that this client began; throws when there is none.
FlowEntry flow_of(const DaemonUnderTest& daemon, const Socket& client) {
  const std::uint16_t port = client.local().port;
  for (const FlowEntry& flow : daemon.flows()) {
    if (flow.source_port == port) return flow;
  }
  throw std::runtime_error{"no flow from port " + std::to_string(port)};
}

TEST_CASE("a UDP program closes its socket: its flows end, all of them, and no other's") {
  Scene scene{{accepting_defaults()}};
  for (const bool v4 : {true, false}) {
    // One socket that talks to two, and one that goes on.
    Socket socket{v4 ? AF_INET : AF_INET6, SOCK_DGRAM};
    const Socket neighbour = outbound(scene, v4 ? kPeer.v4 : kPeer.v6).begin(Transport::udp);
    {
      const Inside host{scene.net.host};
      socket = Socket{v4 ? AF_INET : AF_INET6, SOCK_DGRAM};
      for (const Addresses& to : {kPeer, kOther}) {
        const SocketAddress address = to_socket_address({v4 ? to.v4 : to.v6, kPort});
        REQUIRE(::sendto(socket.fd(), "x", 1, 0, address.get(), address.length) == 1);
      }
    }
    REQUIRE(exchange(neighbour, Transport::udp) == 0);
    const std::uint16_t port = socket.local().port;
    const auto of_socket = [&](const std::string& state) {
      std::size_t count = 0;
      for (const FlowEntry& flow : scene.daemon.flows()) {
        if (flow.source_port == port && flow.state == state) ++count;
      }
      return count;
    };
    wait_until("both flows", [&] { return of_socket("active") == 2; });
    socket.close();
    wait_until("their end", [&] { return of_socket("ended") == 2; });
    REQUIRE(flow_of(scene.daemon, neighbour).state == "active");
    REQUIRE(exchange(neighbour, Transport::udp) == 0);
  }
}

TEST_CASE("TCP that the kernel carries ends when both have closed, or one resets; not by half") {
  Scene scene{{accepting_defaults()}};
  for (const Way& way : ways(scene, kPeer)) {
    INFO(way.name());
    Socket closed = way.open(Transport::tcp), reset = way.open(Transport::tcp);
    const Socket half = way.open(Transport::tcp);
    const FlowEntry first = flow_of(scene.daemon, closed);
    const std::uint16_t reset_port = reset.local().port;
    REQUIRE(::shutdown(half.fd(), SHUT_WR) == 0);
    closed.close();
    const linger now{1, 0};
    REQUIRE(::setsockopt(reset.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
    reset.close();
    wait_until("their end", [&] {
      std::size_t ended = 0;
      for (const FlowEntry& flow : scene.daemon.flows()) {
        const bool one = flow.source_port == first.source_port || flow.source_port == reset_port;
        if (one && flow.state == "ended") ++ended;
      }
      return ended == 2;
    });
  }
}

TEST_CASE("a flow that the kernel carries lives while it is used, and is forgotten when it is idle") {
  Scene scene{{accepting_defaults(), "", "[flow]\nidle_timeout = \"6s\"\n"}};
  const Socket used = outbound(scene, kPeer.v4).open(Transport::tcp);
  const Socket idle = outbound(scene, kPeer.v6).open(Transport::tcp);
  const FlowEntry before = flow_of(scene.daemon, used);
  const std::uint64_t asked = asked_during(scene.daemon, [&] {
    wait_until("the idle one's end", [&] {
      REQUIRE(exchange(used, Transport::tcp) == 0);
      return scene.daemon.flows().size() == 1;
    });
    // Asked about a second time.
    const double last = flow_of(scene.daemon, used).last_active;
    wait_until("the next look", [&] {
      REQUIRE(exchange(used, Transport::tcp) == 0);
      return flow_of(scene.daemon, used).last_active > last;
    });
    REQUIRE(exchange(idle, Transport::tcp) == 0);  // the kernel goes on carrying it
  });
  REQUIRE(asked == 0);
  REQUIRE(flow_of(scene.daemon, used).id == before.id);
}

// Streams that are used all the time, by a thread of its own.
class BusyStreams {
 public:
  BusyStreams(const Scene& scene, std::size_t count) {
    const auto all = ways(scene, kPeer);
    for (std::size_t i = 0; i < count; ++i) streams_.push_back(all[i % all.size()].open(Transport::tcp));
    for (const Socket& stream : streams_) ports_.insert(stream.local().port);
    thread_ = std::thread{[this] {
      for (; !stop_; ++rounds_) {
        for (const Socket& stream : streams_) {
          if (exchange(stream, Transport::tcp) != 0) ++broken_;
        }
      }
    }};
  }
  BusyStreams(const BusyStreams&) = delete;
  BusyStreams& operator=(const BusyStreams&) = delete;
  ~BusyStreams() {
    stop_ = true;
    thread_.join();
  }
  // Every one of them was used once more, from now on.
  void once_more() const {
    const std::uint64_t from = rounds_ + 1;
    wait_until("traffic", [&] { return broken_ > 0 || rounds_ > from; });
    REQUIRE(broken_ == 0);
  }
  const std::set<std::uint16_t>& ports() const { return ports_; }

 private:
  std::vector<Socket> streams_;
  std::set<std::uint16_t> ports_;
  std::atomic<std::uint64_t> rounds_{0}, broken_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST_CASE("killed in the midst of 1,000 busy connections: none breaks, and all are in the list again") {
  for (const std::string fail : {"open", "closed"}) {
    INFO(fail);
    Scene scene{{accepting_defaults(), "fail = \"" + fail + "\"\n"}};
    const BusyStreams streams{scene, 1000};
    streams.once_more();
    scene.daemon.kill();
    streams.once_more();
    streams.once_more();
    scene.daemon.start();
    streams.once_more();
    std::set<std::uint16_t> listed;
    for (const FlowEntry& flow : scene.daemon.flows()) {
      if (!flow.adopted) continue;
      REQUIRE(flow.state == "active");
      REQUIRE(flow.verdict == "permanent-accept");
      listed.insert(flow.source_port);
    }
    REQUIRE(listed == streams.ports());
    REQUIRE(scene.daemon.received() == 0);  // none of them is asked about
  }
}

TEST_CASE("what was there before the daemon is decided when it starts") {
  Scene scene{{peer_has("permanent-block")}, DaemonUnderTest::Start::later};
  // Some other rule makes the kernel track connections.
  in(scene.net.host, [] {
    for (const char* program : {"iptables", "ip6tables"}) {
      must_run({program, "-A", "INPUT", "-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP"});
    }
  });
  std::vector<Socket> cut, neighbours;
  for (const Way& way : ways(scene, kPeer)) cut.push_back(way.open(Transport::tcp));
  for (const Way& way : ways(scene, kOther)) neighbours.push_back(way.open(Transport::tcp));
  for (const Socket& stream : cut) REQUIRE(exchange(stream, Transport::tcp) == 0);
  scene.daemon.start();
  for (const Socket& stream : cut) REQUIRE(exchange(stream, Transport::tcp) != 0);
  const std::uint64_t asked = asked_during(scene.daemon, [&] {
    for (const Socket& stream : neighbours) REQUIRE(exchange(stream, Transport::tcp) == 0);
  });
  REQUIRE(asked == 0);
  for (const Socket& stream : neighbours) {
    const FlowEntry flow = flow_of(scene.daemon, stream);
    REQUIRE(flow.adopted);
    REQUIRE(flow.verdict == "permanent-accept");
  }
}

TEST_CASE("50,000 flows end at once, unheard: the table is read, none leaks, what lives goes on") {
  TOLLGATE_NEEDS("conntrack");
  constexpr int kFlows = 50'000;
  Scene scene{{accepting_defaults()}};
  // On a slow machine the first would be over before the last is there.
  in(scene.net.host, [] { std::ofstream{"/proc/sys/net/netfilter/nf_conntrack_udp_timeout"} << "3600"; });
  const Socket stream = outbound(scene, kPeer.v4).open(Transport::tcp);
  const Socket datagrams = outbound(scene, kPeer.v6).begin(Transport::udp);
  REQUIRE(exchange(datagrams, Transport::udp) == 0);
  {
    // One socket, many peers that do not answer.
    const Inside host{scene.net.host};
    const Socket many{AF_INET, SOCK_DGRAM};
    many.set(SOL_SOCKET, SO_SNDBUFFORCE, 64 << 20);  // packets that wait are charged to their sender
    const auto opened = [&] { return static_cast<int>(scene.daemon.status().flows.active) - 2; };
    for (int i = 0; i < kFlows; ++i) {
      const SocketAddress address = to_socket_address({kOther.v4, static_cast<std::uint16_t>(10'000 + i)});
      REQUIRE(::sendto(many.fd(), "x", 1, 0, address.get(), address.length) == 1);
      if (i % 1000 == 999) wait_until("its flows", [&] { return opened() > i; });
    }
    scene.daemon.pause();
    must_run({"conntrack", "-D", "-p", "udp", "-d", kOther.v4});
    scene.daemon.go_on();
  }
  wait_until("their end", [&] { return scene.daemon.status().flows.active == 2; });
  const Status status = scene.daemon.status();
  REQUIRE(status.errors.at("conntrack_overrun") > 0);
  REQUIRE(flow_of(scene.daemon, stream).state == "active");
  REQUIRE(flow_of(scene.daemon, datagrams).state == "active");
  const std::uint64_t asked = asked_during(scene.daemon, [&] {
    REQUIRE(exchange(stream, Transport::tcp) == 0);
    REQUIRE(exchange(datagrams, Transport::udp) == 0);
  });
  REQUIRE(asked == 0);
  REQUIRE(in_state(scene.daemon, "pending") == 0);
}

}  // namespace
