// SPDX-License-Identifier: GPL-2.0-or-later
// A seeded world: programs, peers, answers, conntrack, new policies and time, in random order.
#include <random>
#include <string>
#include <vector>

#include "catch.hpp"
#include "client_hello.hpp"
#include "engine_checker.hpp"
#include "engine_policies.hpp"
#include "packet_builder.hpp"

using namespace tollgate;
using namespace tollgate::test;
using namespace std::chrono_literals;

namespace {

class World {
 public:
  World(std::uint32_t seed, const EngineOptions& options)
      : random_{seed}, checker_{options, engine_policy(0), &decide_or_ask} {}

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      now_ += std::chrono::milliseconds{pick(200)};
      if (pick(500) == 0) now_ += 5min;  // the machine slept
      const auto next = checker_.engine().next_deadline();
      if (next && *next <= now_ && pick(10) != 0) checker_.handle(TimePassed{}, now_);
      this->step();
    }
  }

  EngineChecker& checker() { return checker_; }
  Time now() const { return now_; }

 private:
  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }

  std::string address() { return (six_ ? "2001:db8::" : "10.0.0.") + std::to_string(1 + pick(20)); }

  void step() {
    six_ = pick(4) == 0;
    switch (pick(20)) {
      case 0:
        return void(checker_.handle(PolicyReplaced{engine_policy(pick(kEnginePolicyCount))}, now_));
      case 1:
      case 2:
        return answer();
      case 3:
      case 4:
        return conntrack();
      case 5:
        return adopt();
      case 6:
        return garbage();
      default:
        return packet();
    }
  }

  Bytes make_packet() {
    static constexpr std::uint16_t kPorts[] = {25, 53, 80, 443, 9999};
    const std::uint16_t port = kPorts[pick(5)];
    const auto source_port = static_cast<std::uint16_t>(1000 + pick(30));
    PacketBuilder builder{address(), address()};
    switch (pick(6)) {
      case 0:
        builder.udp(source_port, port);
        break;
      case 1:
        builder.echo_request(source_port);
        break;
      case 2: {
        Bytes inner = PacketBuilder{address(), address()}.tcp(source_port, port).build();
        return builder.icmp_error(six_ ? 1 : 3, 1, inner).build();
      }
      default: {
        static constexpr std::uint8_t kFlags[] = {tcp_flag::syn, tcp_flag::syn | tcp_flag::ack, tcp_flag::ack,
                                                  tcp_flag::fin | tcp_flag::ack, tcp_flag::rst};
        builder.tcp(source_port, port, kFlags[pick(5)], pick(3));
      }
    }
    if (pick(2) == 0) return builder.build();
    Bytes said = pick(2) == 0
                     ? bytes_of("GET / HTTP/1.1\r\nHost: b.example\r\n\r\n")
                     : HelloBuilder{}.server_name(pick(2) == 0 ? "a.example" : "b.example").records();
    if (pick(3) == 0) said.resize(pick(static_cast<std::uint32_t>(said.size())));
    return builder.payload(said).build();
  }

  void queue(const Bytes& bytes) {
    PacketQueued queued;
    queued.id = {static_cast<std::uint16_t>(pick(6)), ++last_packet_};
    static constexpr Hook kHooks[] = {Hook::output, Hook::output, Hook::input, Hook::forward,
                                      Hook::prerouting};
    queued.hook = kHooks[pick(5)];
    queued.reply = pick(3) == 0;
    queued.foreign_mark = pick(8) == 0;
    queued.bytes = bytes;
    queued.wire_length = bytes.size() + pick(2) * pick(2000);
    queued.interface = pick(2) == 0 ? "eth0" : "";
    if (pick(2) == 0) queued.uid = pick(3);
    checker_.handle(queued, now_);
  }

  void packet() { queue(make_packet()); }

  void garbage() {
    Bytes bytes = make_packet();
    for (std::uint32_t i = pick(4); i > 0; --i)
      bytes[pick(static_cast<std::uint32_t>(bytes.size()))] ^= static_cast<std::uint8_t>(1 << pick(8));
    bytes.resize(pick(static_cast<std::uint32_t>(bytes.size()) + 1));
    queue(bytes);
  }

  FiveTuple some_tuple() {
    const auto parsed = parse_packet(make_packet());
    return FiveTuple::of(parsed->endpoints);
  }

  void answer() {
    const std::uint64_t id = 1 + pick(static_cast<std::uint32_t>(checker_.engine().counters().opened) + 1);
    checker_.handle(AnswerGiven{FlowId{id}, static_cast<Verdict>(pick(kVerdictCount))}, now_);
  }

  void conntrack() {
    ConntrackChanged change;
    change.kind = static_cast<ConntrackChanged::Kind>(pick(3));
    change.entry.original = some_tuple();
    change.entry.reply = change.entry.original.reversed();
    if (pick(4) == 0) change.entry.tcp = TcpState::close;
    if (pick(2) == 0) change.entry.packets = pick(1000);
    checker_.handle(change, now_);
  }

  void adopt() {
    ConntrackEntry entry;
    entry.original = some_tuple();
    entry.reply = entry.original.reversed();
    entry.mark = FlowMark::accept;
    checker_.handle(ResyncBegan{}, now_);
    checker_.handle(ConntrackSeen{entry, {}, {}}, now_);
    checker_.handle(ResyncEnded{pick(4) == 0}, now_);
  }

  std::mt19937 random_;
  EngineChecker checker_;
  Time now_{1000s};
  std::uint32_t last_packet_ = 0;
  bool six_ = false;
};

EngineOptions small_options() {
  EngineOptions options;
  options.flows.max_flows = 150;
  options.flows.pressure.clear();
  options.flows.end_linger = 20s;
  options.flows.udp_idle_timeout = 1min;
  options.pending = {8, 2, 15s};
  options.nameserver4 = true;
  return options;
}

}  // namespace

TEST_CASE("in a random world every packet gets one verdict and every bound holds") {
  for (std::uint32_t seed = 1; seed <= 8; ++seed) {
    World world{seed, small_options()};
    INFO("seed " << seed);
    REQUIRE_NOTHROW(world.run(25'000));
    // The world has to have been busy, or it proves nothing.
    CHECK(world.checker().engine().counters().evicted > 0);
    CHECK(world.checker().engine().counters().reasons[Reason::timed_out] > 0);
    CHECK(world.checker().engine().counters().reasons[Reason::overload] > 0);
    CHECK(world.checker().engine().counters().malformed.total() > 0);
    CHECK(world.checker().engine().counters().inspected > 100);
    world.checker().handle(Stopping{}, world.now());
    CHECK(world.checker().waiting() == 0);
  }
}

TEST_CASE("the same seed gives the same trace") {
  World one{42, small_options()}, other{42, small_options()}, third{43, small_options()};
  one.run(5'000);
  other.run(5'000);
  third.run(5'000);
  CHECK(one.checker().trace() == other.checker().trace());
  CHECK(one.checker().trace() != third.checker().trace());
}
