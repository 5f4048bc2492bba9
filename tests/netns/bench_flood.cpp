// SPDX-License-Identifier: GPL-2.0-or-later
// What a flood takes away from a connection that was there before, with tollgate and without, in turns.
// Figures, for docs/speed.md; by hand: `bench_flood`, or `scripts/vm-test bench_flood` (its output is in
// --out). TOLLGATE_FLOOD_ROUNDS, TOLLGATE_FLOOD_SECONDS: how often, how long.
#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "flood.hpp"
#include "kernel_queues.hpp"
#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr std::size_t kAtMost = 2'000'000;  // packets, in one turn
constexpr std::uint64_t kMaxFlows = 2000;

int setting(const char* name, int usually) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::atoi(given) : usually;
}

// From a thread of its own; `per_second` 0 is as fast as it goes.
class Flooding {
 public:
  Flooding(const NetworkNamespace& where, int per_second) {
    thread_ = std::thread{[this, &where, per_second] { go_on(where, per_second); }};
  }
  ~Flooding() { stop(); }
  std::uint64_t stop() {
    ending_ = true;
    if (thread_.joinable()) thread_.join();
    return sent_;
  }

 private:
  void go_on(const NetworkNamespace& where, int per_second) {
    const Inside inside{where};
    const FloodSockets sockets;
    Flood flood;
    std::vector<std::vector<std::uint8_t>> packets;
    for (int i = 0; i < 20'000; ++i) packets.push_back(flood.next(i % 2 == 0));
    auto due = std::chrono::steady_clock::now();
    while (!ending_ && sent_ < kAtMost) {
      if (sockets.send(packets[sent_ % packets.size()])) ++sent_;
      if (per_second == 0 || sent_ % 10 != 0) continue;
      due += std::chrono::nanoseconds{10'000'000'000 / per_second};
      std::this_thread::sleep_until(due);
    }
  }
  std::atomic<bool> ending_{false};
  std::uint64_t sent_ = 0;  // the thread's, until it has ended
  std::thread thread_;
};

struct Measured {
  double megabits = 0;
  std::uint64_t packets = 0;
};

// A stream from the peer to the host, over a connection that is made before the flood begins.
Measured stream(const Topology& net, int seconds, std::optional<int> flood) {
  Process server = in(net.host, [] { return Process{{"iperf3", "-s", "-1", "--forceflush"}}; });
  wait_until("iperf3's start", [&] { return server.output().find("listening") != std::string::npos; });
  Process client = in(net.peer, [&] {
    return Process{{"iperf3", "-J", "-O", "1", "-t", std::to_string(seconds), "-c", kHost.v4}};
  });
  // Within iperf3's first second, which does not count.
  std::this_thread::sleep_for(std::chrono::milliseconds{500});
  std::optional<Flooding> flooding;
  if (flood) flooding.emplace(net.peer, *flood);
  const Finished finished = client.wait();
  Measured measured;
  if (flooding) measured.packets = flooding->stop();
  INFO(finished.output);
  REQUIRE(finished.status == 0);
  measured.megabits = boost::json::parse(finished.output)
                          .at_pointer("/end/sum_received/bits_per_second")
                          .to_number<double>() /
                      1e6;
  return measured;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

TEST_CASE("throughput beside a flood, with tollgate and without") {
  TOLLGATE_NEEDS("iperf3");
  const int rounds = setting("TOLLGATE_FLOOD_ROUNDS", 5), seconds = setting("TOLLGATE_FLOOD_SECONDS", 3);
  Scene scene{{Flood::policy(), "fail = \"closed\"\n",
               "[flow]\nmax_flows = " + std::to_string(kMaxFlows) +
                   "\n[queue]\nmax_length = 256\n[pending]\nmax_packets = 32\n"},
              DaemonUnderTest::Start::later};
  for (const int per_second : {1000, 5000, 20000, 0}) {
    std::vector<double> against_none, against_before, against_calm;
    for (int round = 0; round < rounds; ++round) {
      const Measured calm = stream(scene.net, seconds, {});
      const Measured without = stream(scene.net, seconds, per_second);
      scene.daemon.start();
      const std::uint64_t idle = own_bytes(scene.daemon.pid());
      const Measured before = stream(scene.net, seconds, {});
      const Measured with = stream(scene.net, seconds, per_second);
      const Status status = scene.daemon.status();
      const std::uint64_t grown = own_bytes(scene.daemon.pid()) - idle;
      REQUIRE(scene.daemon.stop().status == 0);
      against_none.push_back(with.megabits / without.megabits);
      against_before.push_back(with.megabits / before.megabits);
      against_calm.push_back(without.megabits / calm.megabits);
      std::cout << per_second << "/s, round " << round << ": without us " << calm.megabits
                << ", in the flood " << without.megabits << " Mbit/s (" << without.packets
                << " packets); with us " << before.megabits << ", in the flood " << with.megabits
                << " Mbit/s (" << with.packets << " packets, " << status.queue.received << " asked, "
                << status.queue.kernel_dropped << " dropped by the full queue, " << (grown >> 10)
                << " KiB more)\n"
                << std::flush;
    }
    std::cout << per_second << "/s: with us / without us, in the same flood: " << median(against_none)
              << "; with us, in the flood / before: " << median(against_before)
              << "; without us, in the flood / before: " << median(against_calm) << "\n"
              << std::flush;
  }
  SUCCEED();
}

}  // namespace
