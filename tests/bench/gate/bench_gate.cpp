// SPDX-License-Identifier: GPL-2.0-or-later
// What a connection costs: the same client and server over a veth pair, through each variant in turn,
// in several rounds, since a machine's speed wanders. The medians are what counts, and the ratios of
// one round to each other more than the figures.
//
//   bench_gate [ROUNDS [CONNECTIONS [IPERF-SECONDS [PART-OF-A-NAME…]]]]     (5 5000 2)
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "gate_variants.hpp"
#include "kernel_queues.hpp"

namespace tollgate::bench {
namespace {

using namespace test;

struct Load {
  std::vector<double> rate, p50, p99;  // connections/s, microseconds
};
struct Measured {
  Load one, sixteen;
  Load query, queries;             // one at a time, and 16
  std::vector<double> throughput;  // Gbit/s
  std::vector<double> queued;      // packets for each connection
  std::vector<double> cpu;         // the daemon's, microseconds for each connection
  double idle_mib = 0, busy_mib = 0;
};

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Round by round, since what slows one round slows all of it; then the median.
double ratio(const std::vector<double>& mine, const std::vector<double>& base) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(mine.size(), base.size()); ++i) ratios.push_back(mine[i] / base[i]);
  return median(ratios);
}

double mebibytes(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

// Packets that were ever queued in the thread's namespace.
double queued_so_far() {
  double all = 0;
  for (const KernelQueue& queue : kernel_queues()) all += static_cast<double>(queue.queued);
  return all;
}

// Time on a processor, of all threads, in microseconds: one reads less than a tick exactly only here.
double processor_time(pid_t pid) {
  double all = 0;
  std::string line;
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task/";
  for (const auto& task : std::filesystem::directory_iterator{tasks}) {
    double nanoseconds = 0;
    if (std::ifstream{task.path() / "schedstat"} >> nanoseconds) all += nanoseconds / 1000;
  }
  return all;
}

void load_with(const Variant& variant, const char* program, std::uint16_t port, std::size_t count,
               int at_once, Load& load) {
  std::istringstream said{must_run({our_program(program), "client", kPeer.v4, std::to_string(port),
                                    std::to_string(count), std::to_string(at_once)})};
  double seconds = 0, rate = 0, p50 = 0, p99 = 0;
  if (!(said >> seconds >> rate >> p50 >> p99)) throw std::runtime_error{variant.name() + ": no result"};
  load.rate.push_back(rate);
  load.p50.push_back(p50);
  load.p99.push_back(p99);
}

double gigabits(int seconds) {
  const std::string said = must_run({"iperf3", "-c", kPeer.v4, "-J", "-t", std::to_string(seconds)});
  return boost::json::parse(said).at("end").at("sum_received").at("bits_per_second").to_number<double>() /
         1e9;
}

void one_round(Variant& variant, Measured& measured, std::size_t count, int seconds) {
  variant.begin();
  const auto daemon = variant.daemon();
  if (daemon) measured.idle_mib = mebibytes(resident_bytes(*daemon));
  const Inside inside{variant.host()};
  const double queued = queued_so_far();
  const double cpu = daemon ? processor_time(*daemon) : 0;
  load_with(variant, "connect_load", kLoadPort, count, 1, measured.one);
  load_with(variant, "connect_load", kLoadPort, count, 16, measured.sixteen);
  const double all = 2 * static_cast<double>(count);
  measured.queued.push_back((queued_so_far() - queued) / all);
  if (daemon) {
    measured.cpu.push_back((processor_time(*daemon) - cpu) / all);
    measured.busy_mib = mebibytes(resident_bytes(*daemon));
  }
  load_with(variant, "query_load", kQueryPort, count, 1, measured.query);
  load_with(variant, "query_load", kQueryPort, count, 16, measured.queries);
  if (seconds > 0) measured.throughput.push_back(gigabits(seconds));
  variant.end();
}

void print(const std::vector<std::unique_ptr<Variant>>& variants, const std::vector<Measured>& all) {
  std::printf("%-28s | %9s %6s %7s %7s | %9s %6s %7s %7s | %6s %6s | %6s | %7s | %9s\n", "medians",
              "1 at once", "/bare", "p50 us", "p99 us", "16 at once", "/bare", "p50 us", "p99 us", "Gbit/s",
              "/none", "queued", "CPU us", "RSS MiB");
  const Measured& none = all[0];
  const Measured& bare = all[1];
  for (std::size_t i = 0; i < variants.size(); ++i) {
    const Measured& m = all[i];
    const auto load = [&](const Load& mine, const Load& base) {
      std::printf(" %9.0f %6.3f %7.1f %7.1f |", median(mine.rate), ratio(mine.rate, base.rate),
                  median(mine.p50), median(mine.p99));
    };
    std::printf("%-28s |", variants[i]->name().c_str());
    load(m.one, bare.one);
    load(m.sixteen, bare.sixteen);
    std::printf(" %6.2f %6.3f | %6.3f | %7.2f | %4.1f>%4.1f\n", median(m.throughput),
                ratio(m.throughput, none.throughput), median(m.queued), median(m.cpu), m.idle_mib,
                m.busy_mib);
  }
  std::printf(
      "connections/s, /bare: to the bare loop with the fewest rules; queued: packets for each connection; "
      "CPU: the daemon's, for each connection; RSS: "
      "idle>after\n");
}

void print_queries(const std::vector<std::unique_ptr<Variant>>& variants, const std::vector<Measured>& all) {
  std::printf("\n%-28s | %9s %6s %7s %7s | %9s %6s %7s %7s\n", "DNS queries/s", "1 at once", "/bare",
              "p50 us", "p99 us", "16 at once", "/bare", "p50 us", "p99 us");
  for (std::size_t i = 0; i < variants.size(); ++i) {
    const auto load = [&](const Load& mine, const Load& base) {
      std::printf(" | %9.0f %6.3f %7.1f %7.1f", median(mine.rate), ratio(mine.rate, base.rate),
                  median(mine.p50), median(mine.p99));
    };
    std::printf("%-28s", variants[i]->name().c_str());
    load(all[i].query, all[1].query);
    load(all[i].queries, all[1].queries);
    std::printf("\n");
  }
}

int bench(std::size_t rounds, std::size_t count, int seconds, const std::vector<std::string>& parts) {
  const auto variants = all_variants(parts);
  std::vector<Measured> measured(variants.size());
  for (std::size_t round = 0; round < rounds; ++round) {
    std::cerr << "round " << round + 1 << " of " << rounds << '\n';
    // Forwards and backwards in turn, so that none always comes after the same neighbour.
    for (std::size_t i = 0; i < variants.size(); ++i) {
      const std::size_t which = round % 2 == 0 ? i : variants.size() - 1 - i;
      one_round(*variants[which], measured[which], count, seconds);
    }
  }
  print(variants, measured);
  print_queries(variants, measured);
  return 0;
}

}  // namespace
}  // namespace tollgate::bench

int main(int argc, char** argv) {
  const auto number = [&](int index, long otherwise) {
    return argc > index ? std::strtol(argv[index], nullptr, 10) : otherwise;
  };
  if (::geteuid() != 0) {
    std::cerr << "bench_gate: network namespaces need root\n";
    return 1;
  }
  try {
    return tollgate::bench::bench(static_cast<std::size_t>(number(1, 5)),
                                  static_cast<std::size_t>(number(2, 5000)), static_cast<int>(number(3, 2)),
                                  {argv + std::min(argc, 4), argv + argc});
  } catch (const std::exception& problem) {
    std::cerr << "bench_gate: " << problem.what() << '\n';
    return 1;
  }
}
