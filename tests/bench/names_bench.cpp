// SPDX-License-Identifier: GPL-2.0-or-later
// What a packet costs whose payload is read: DNS, TLS, QUIC.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tollgate/inspect/flow_inspection.hpp"
#include "tollgate/names/dns_watch.hpp"

namespace {

using namespace tollgate;
using Bytes = std::vector<std::uint8_t>;

Bytes seed(const std::string& name) {
  std::ifstream file{TOLLGATE_SOURCE_DIR "/tests/fuzz/corpus/" + name, std::ios::binary};
  if (!file) throw std::runtime_error{"no seed " + name};
  return {std::istreambuf_iterator<char>{file}, {}};
}

Endpoints between(std::uint16_t from, std::uint16_t to) {
  Endpoints ends;
  ends.source = IpAddress::v4({192, 0, 2, from == kDnsPort ? std::uint8_t{2} : std::uint8_t{1}});
  ends.destination = IpAddress::v4({192, 0, 2, to == kDnsPort ? std::uint8_t{2} : std::uint8_t{1}});
  ends.protocol = Protocol::udp;
  ends.source_port = from;
  ends.destination_port = to;
  return ends;
}

// One question and its answer (two CNAMEs and an address), each time with another id.
void question_and_answer(benchmark::State& state) {
  NameStore names{NameLimits{}, 7};
  DnsWatch watch{DnsWatchLimits{}, 7};
  Bytes question = seed("dns/dns-1-udp53-0"), answer = seed("dns/dns-1-udp53-1");
  const Endpoints asking = between(4711, kDnsPort), answering = between(kDnsPort, 4711);
  std::uint16_t id = 0;
  Time now{};
  for (auto _ : state) {
    question[0] = answer[0] = static_cast<std::uint8_t>(++id >> 8);
    question[1] = answer[1] = static_cast<std::uint8_t>(id);
    now += std::chrono::microseconds{10};
    watch.on_message(asking, ProgramKey{}, question, now, names);
    watch.on_message(answering, ProgramKey{}, answer, now, names);
  }
  if (watch.counters().answers != static_cast<std::uint64_t>(state.iterations()))
    state.SkipWithError("not understood");
  state.SetItemsProcessed(state.iterations() * 2);
}
BENCHMARK(question_and_answer);

void look_up(benchmark::State& state) {
  const auto address = [](std::uint32_t n) {
    return IpAddress::v4({10, static_cast<std::uint8_t>(n >> 16), static_cast<std::uint8_t>(n >> 8),
                          static_cast<std::uint8_t>(n)});
  };
  NameStore names{NameLimits{}, 7};
  for (std::uint32_t i = 0; i < 65'536; ++i) {
    names.learn(ProgramKey{}, address(i), "host" + std::to_string(i) + ".example.org", NameSource::dns,
                std::chrono::hours{1}, Time{});
  }
  std::uint32_t at = 0;
  for (auto _ : state) {
    at = at * 1'664'525 + 1'013'904'223;
    benchmark::DoNotOptimize(names.find(ProgramKey{}, address(at >> 8 & 0xffff), Time{}));
  }
}
BENCHMARK(look_up);

// The first packet with a payload: a whole ClientHello.
void first_payload(benchmark::State& state, Protocol protocol, const std::string& name) {
  const Bytes payload = seed(name);
  Packet packet;
  packet.endpoints.protocol = protocol;
  packet.payload = payload;
  for (auto _ : state) {
    FlowInspection inspection{protocol, 443, InspectionLimits{}};
    inspection.on_packet(packet, true);
    if (inspection.findings().sni.empty()) state.SkipWithError("not understood");
  }
}
BENCHMARK_CAPTURE(first_payload, tls, Protocol::tcp, "tls/tls-1-tcp443");
BENCHMARK_CAPTURE(first_payload, quic, Protocol::udp, "quic/quic-1-udp4434-0");

}  // namespace
