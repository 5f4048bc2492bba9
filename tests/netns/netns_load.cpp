// SPDX-License-Identifier: GPL-2.0-or-later
// Many flows at once.
#include <boost/json.hpp>
#include <set>

#include "kernel_queues.hpp"
#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr std::size_t kFlows = 5000;

// AddressSanitizer's daemon keeps what it freed, and shadows of all.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kBytesAFlow = 20 * 1024;
#else
constexpr std::uint64_t kBytesAFlow = 1024;
#endif

// Memory is taken by the page and in arenas.
constexpr std::uint64_t kAllocator = 2 << 20;

TEST_CASE("5,000 flows at once: all connect, all are listed, the counts agree") {
  Scene scene{{accepting_defaults()}};
  const std::uint64_t idle = own_bytes(scene.daemon.pid());
  std::vector<Socket> streams;
  std::set<std::uint16_t> ports;
  const auto all = ways(scene, kPeer);
  for (std::size_t i = 0; i < kFlows; ++i) streams.push_back(all[i % all.size()].begin(Transport::tcp));
  for (const Socket& stream : streams) {
    REQUIRE(finish_connect(stream) == 0);
    ports.insert(stream.local().port);
  }
  // On a slow machine the retransmissions of what had to wait still wait themselves.
  in(scene.net.host, [] { wait_until("the last of them", [] { return waiting_packets() == 0; }); });
  const std::uint64_t asked = asked_during(scene.daemon, [&] {
    for (const Socket& stream : streams) REQUIRE(exchange(stream, Transport::tcp) == 0);
  });
  REQUIRE(asked == 0);

  const Status status = scene.daemon.status();
  REQUIRE(status.flows.active == kFlows);
  REQUIRE(status.flows.ended == 0);
  REQUIRE(status.flows.pending == 0);
  REQUIRE(status.flows.evicted == 0);
  REQUIRE(status.queue.pending_packets == 0);
  REQUIRE(status.queue.received >= kFlows);
  std::uint64_t given = 0;
  for (const auto& [verdict, count] : status.queue.verdicts) given += count;
  REQUIRE(given == status.queue.received);

  const Finished listed = scene.daemon.tollgate({"flows", "--json"});
  REQUIRE(listed.status == 0);
  const boost::json::array flows = boost::json::parse(listed.output).as_array();
  REQUIRE(flows.size() == kFlows);
  std::set<std::uint16_t> listed_ports;
  for (const auto& flow : flows) {
    REQUIRE(flow.at("verdict").as_string() == "permanent-accept");
    REQUIRE(flow.at("state").as_string() == "active");
    listed_ports.insert(boost::json::value_to<std::uint16_t>(flow.at("source_port")));
  }
  REQUIRE(listed_ports == ports);
  // A table of a quarter of a million places grows by less than a kilobyte for each flow.
  const std::uint64_t grown = own_bytes(scene.daemon.pid()) - idle;
  REQUIRE(grown < kFlows * kBytesAFlow + kAllocator);
}

TEST_CASE("past its limit the table evicts, and what the kernel carries goes on") {
  constexpr std::size_t kLimit = 100;
  Scene scene{{accepting_defaults(), "", "[flow]\nmax_flows = " + std::to_string(kLimit) + "\n"}};
  std::vector<Socket> streams;
  const auto all = ways(scene, kPeer);
  for (std::size_t i = 0; i < 4 * kLimit; ++i) streams.push_back(all[i % all.size()].open(Transport::tcp));
  const Status status = scene.daemon.status();
  REQUIRE(status.flows.limit == kLimit);
  REQUIRE(status.flows.active + status.flows.ended == kLimit);
  REQUIRE(status.flows.evicted == 3 * kLimit);
  const std::uint64_t asked = asked_during(scene.daemon, [&] {
    for (const Socket& stream : streams) REQUIRE(exchange(stream, Transport::tcp) == 0);
  });
  REQUIRE(asked == 0);
}

TEST_CASE("flows whose conntrack entry is gone have ended, and are gone after their time") {
  TOLLGATE_NEEDS("conntrack");
  Scene scene{{accepting_defaults(), "", "[flow]\nend_linger = \"1s\"\n"}};
  for (const Way& way : ways(scene, kPeer)) REQUIRE(way.talk(Transport::tcp) == 0);
  REQUIRE(scene.daemon.flows().size() == 4);
  for (const char* family : {"ipv4", "ipv6"}) {
    in(scene.net.host, [&] { must_run({"conntrack", "-F", "-f", family}); });
  }
  wait_until("the end of the flows", [&] { return scene.daemon.flows().empty(); });
  const Status status = scene.daemon.status();
  REQUIRE(status.flows.active + status.flows.ended == 0);
}

TEST_CASE("a flood of first packets does not stop what lives, and the daemon stays") {
  Scene scene{{peer_has("permanent-drop"), "",
               "[flow]\nmax_flows = 1000\n[queue]\nmax_length = 64\n[pending]\n"
               "max_packets = 32\n"}};
  const Socket stream = outbound(scene, kOther.v4).open(Transport::tcp);
  const Inside host{scene.net.host};
  for (int i = 0; i < 5000; ++i) {
    const Socket socket = begin(Transport::udp, {kPeer.v4, static_cast<std::uint16_t>(10000 + i)});
    // What overflows the queue is dropped by the kernel, which may say so to the sender.
    ::send(socket.fd(), "x", 1, 0);
  }
  REQUIRE(exchange(stream, Transport::tcp, 1 << 20) == 0);
  REQUIRE(outbound(scene, kOther.v6).talk(Transport::tcp) == 0);
  const Status status = scene.daemon.status();
  REQUIRE(status.flows.active + status.flows.ended <= 1000);
  REQUIRE(status.queue.verdicts.at("permanent-drop") + status.queue.kernel_dropped +
              status.queue.user_dropped >=
          5000);
}

}  // namespace
