// SPDX-License-Identifier: GPL-2.0-or-later
// A flood from addresses that change with every packet: memory stays within its bound, what lives goes
// on, what is honest gets through, and every packet is accounted for.
#include <cstdlib>

#include "flood.hpp"
#include "kernel_queues.hpp"
#include "meanwhile.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

// TOLLGATE_FLOOD_PACKETS: where each of them takes long. Far more than flows, queue and log have room for.
std::size_t packets_wanted() {
  const char* given = std::getenv("TOLLGATE_FLOOD_PACKETS");
  return given != nullptr ? std::strtoul(given, nullptr, 10) : 100'000;
}
const std::size_t kPackets = packets_wanted();
constexpr std::uint64_t kMaxFlows = 2000;

// Sends them all, in turns of both families; returns how many the sender's link lost.
std::uint64_t flood_from(const NetworkNamespace& where) {
  const Inside inside{where};
  const FloodSockets sockets;
  Flood flood;
  std::uint64_t lost = 0;
  for (std::size_t i = 0; i < kPackets; ++i) lost += sockets.send(flood.next(i % 2 == 0)) ? 0 : 1;
  return lost;
}

// What arrives at the host from the flood; and what of everything is undecided when it reaches us, but
// for what passes unasked.
void count_arrivals() {
  must_run(
      {"nft",
       "table inet watch {\ncounter flood { }\ncounter undecided { }\nchain first {\ntype filter hook "
       "prerouting priority -310; policy accept;\nip saddr 198.18.0.0/15 counter name \"flood\"\nip6 saddr "
       "2001:db8::/32 counter name \"flood\"\n}\nchain before_us {\ntype filter hook input priority -151; "
       "policy accept;\niifname != \"wan0\" accept\nicmpv6 type { 130, 131, 132, 133, 134, 135, 136, 137, "
       "143 } accept\nct mark and 0x0f000000 != 0 accept\ncounter name \"undecided\"\n}\n}"});
}

std::uint64_t counted(const std::string& counter) {
  const std::string text = must_run({"nft", "list", "counter", "inet", "watch", counter});
  return std::stoull(text.substr(text.find("packets ") + 8));
}

TEST_CASE("a flood of SYN, UDP and ICMP from random addresses") {
  Scene scene{{Flood::policy(), "fail = \"closed\"\n",
               "[flow]\nmax_flows = " + std::to_string(kMaxFlows) +
                   "\n[queue]\nmax_length = 256\n[pending]\nmax_packets = 32\n"}};
  in(scene.net.host, [] { count_arrivals(); });
  const std::uint64_t idle = own_bytes(scene.daemon.pid());
  const std::uint64_t received_before = scene.daemon.received();
  Meanwhile traffic{{inbound(scene, kPeer.v4), inbound(scene, kPeer.v6)}, Meanwhile::Datagrams::no};
  traffic.once_more();
  const std::uint64_t lost = flood_from(scene.net.peer);
  traffic.once_more();  // honest connections get through, if by a retransmission
  REQUIRE(traffic.stop() == "");

  const auto from_host = [&](const std::string& counter) {
    return in(scene.net.host, [&] { return counted(counter); });
  };
  const std::uint64_t arrived = from_host("flood");
  const std::uint64_t undecided = from_host("undecided");
  REQUIRE(lost == 0);
  REQUIRE(arrived == kPackets);
  const auto accounted = [&] {
    const Status now = scene.daemon.status();
    return now.queue.received - received_before + now.queue.kernel_dropped + now.queue.user_dropped;
  };
  wait_until("the last verdict", [&] { return accounted() >= undecided; });
  const Status status = scene.daemon.status();
  // 1. Every packet that was undecided was answered, or dropped and counted.
  REQUIRE(accounted() == undecided);
  REQUIRE(undecided >= kPackets);
  std::uint64_t answered = 0;
  for (const auto& [word, count] : status.queue.verdicts) answered += count;
  REQUIRE(answered == status.queue.received);
  REQUIRE(status.queue.pending_packets == 0);
  for (const char* word : {"permanent-accept", "permanent-block", "permanent-drop"}) {
    REQUIRE(status.queue.verdicts.at(word) > 0);
  }
  REQUIRE(status.queue.verdicts.at("drop") > 0);  // ICMP has no flows
  REQUIRE(status.errors.at("queue_verdict") == 0);
  // 2. The table is full and no fuller, and memory with it: a flow, its place in the index, and room for
  //    the allocator.
  REQUIRE(status.flows.active + status.flows.ended <= kMaxFlows);
  REQUIRE(own_bytes(scene.daemon.pid()) < idle + kMaxFlows * 1024 + (4U << 20));
  // 3. The log is short, and says how much it did not say.
  REQUIRE(status.log.suppressed > 0);
  REQUIRE(static_cast<double>(status.log.written) <= 1000 + 100 * (status.uptime_seconds + 1));
  // 4. It is over.
  for (const Way& way : ways(scene, kPeer)) {
    for (const Transport transport : kTransports) REQUIRE(way.talk(transport) == 0);
  }
}

}  // namespace
