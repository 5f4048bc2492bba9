// SPDX-License-Identifier: GPL-2.0-or-later
// The whole engine: the bytes are a script of events, packets included. The checker throws when a
// packet gets no verdict or two, or a bound is passed.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "../support/engine_checker.hpp"
#include "../support/engine_policies.hpp"
#include "tollgate/base/reader.hpp"

using namespace tollgate;

namespace {

EngineOptions options() {
  EngineOptions small;
  small.flows.max_flows = 16;
  small.pending = {8, 2, std::chrono::seconds{5}};
  small.nameserver4 = true;
  small.icmp = small.other = FlowHandling::flow;
  small.arrival_interface = ArrivalInterface::reauthorize;
  small.attribution = true;
  small.observer.max_inspections = 4;
  return small;
}

class Script {
 public:
  explicit Script(std::span<const std::uint8_t> bytes) : in_{bytes} {}

  void run() {
    std::uint8_t kind = 0;
    while (in_.u8(kind)) {
      std::uint8_t pause = 0;
      in_.u8(pause);
      now_ += std::chrono::milliseconds{pause * 20};
      step(kind);
    }
    run_out();
    if (checker_.waiting() != 0 || checker_.engine().flows().size() != 0) __builtin_trap();
  }

 private:
  // No event comes any more: from deadline to deadline the engine empties itself, within an hour.
  void run_out() {
    constexpr int kSteps = 10'000;
    const Time last = now_ + std::chrono::hours{1};
    for (int step = 0;; ++step) {
      const std::optional<Time> next = checker_.engine().next_deadline();
      if (!next) return;
      now_ = std::max(now_, *next);
      if (step == kSteps || now_ > last) __builtin_trap();
      checker_.handle(TimePassed{}, now_);
    }
  }

  void step(std::uint8_t kind) {
    std::uint8_t detail = 0;
    in_.u8(detail);
    switch (kind % 8) {
      case 0:
        return void(checker_.handle(TimePassed{}, now_));
      case 1:
        if (detail >= 128) return process(kind);
        return void(checker_.handle(
            AnswerGiven{FlowId{detail}, static_cast<Verdict>(kind / 8 % kVerdictCount)}, now_));
      case 2:
        return void(
            checker_.handle(PolicyReplaced{test::engine_policy(kind / 8 % test::kEnginePolicyCount)}, now_));
      case 3:
        return conntrack(kind, detail);
      default:
        return packet(kind, detail);
    }
  }

  void packet(std::uint8_t kind, std::uint8_t detail) {
    std::uint8_t length = 0;
    in_.u8(length);
    Reader bytes;
    if (!in_.sub(std::min<std::size_t>(length, in_.remaining()), bytes)) return;
    if (kind == 255) return void(checker_.handle(NamesCopied{bytes.rest()}, now_));
    PacketQueued queued;
    queued.id = {0, ++last_packet_};
    queued.hook = static_cast<Hook>(detail & 3);
    queued.reply = (detail & 4) != 0;
    queued.transit = (detail & 8) != 0;
    queued.foreign_mark = (detail & 16) != 0;
    queued.bytes = bytes.rest();
    if ((detail & 128) != 0) {
      queued.interface = "eth0";
      queued.conntrack = last_tuple_;
      queued.conntrack_id = kind;
      queued.master = last_tuple_.reversed();
    }
    queued.wire_length = bytes.remaining() + ((detail & 32) != 0 ? kind : 0U);
    if ((detail & 64) != 0) queued.uid = kind;
    const auto parsed = parse_packet(queued.bytes);
    if (parsed.ok()) last_tuple_ = FiveTuple::of(parsed->endpoints);
    for (const LookUp& asked : checker_.handle(queued, now_).look_ups) last_asked_ = asked.flow;
  }

  void process(std::uint8_t kind) {
    ProcessFound found;
    found.flow = last_asked_;
    if ((kind & 8) != 0) {
      Process process;
      process.path = (kind & 16) != 0 ? "/usr/bin/curl" : "/usr/bin/wget";
      found.process = std::make_shared<const Process>(std::move(process));
    }
    checker_.handle(found, now_);
  }

  ConntrackEntry entry(std::uint8_t detail) const {
    ConntrackEntry entry;
    entry.original = (detail & 2) != 0 ? last_tuple_ : last_tuple_.reversed();
    entry.reply = entry.original.reversed();
    if ((detail & 4) != 0) entry.tcp = TcpState::close;
    if ((detail & 8) != 0) entry.id = detail;
    if ((detail & 16) != 0) entry.reply.source_port = detail;
    entry.direction = static_cast<Direction>(detail / 32 % 3);
    return entry;
  }

  // What the kernel or somebody by hand may say besides.
  void others(std::uint8_t what, std::uint8_t detail) {
    const FlowTable& flows = checker_.engine().flows();
    const FlowIndex place = detail / 8U % 16;
    const std::vector<FlowRef> refs{place < flows.places() ? flows.ref(place) : FlowRef{}};
    ConntrackSeen seen{entry(detail), {}, detail};
    SocketGone gone;
    switch (what) {
      case 0:
        seen.entry.mark = FlowMark::accept;
        checker_.handle(ResyncBegan{}, now_);
        checker_.handle(seen, now_);
        return void(checker_.handle(ResyncEnded{(detail & 2) != 0}, now_));
      case 1:
        gone.protocol = last_tuple_.protocol;
        gone.local = last_tuple_.source_address();
        gone.local_port = last_tuple_.source_port;
        gone.remote = last_tuple_.destination_address();
        if ((detail & 2) != 0) gone.remote_port = last_tuple_.destination_port;
        return void(checker_.handle(gone, now_));
      case 2:
        return void(checker_.handle(
            FlowProbed{refs[0], (detail & 2) != 0 ? std::optional{entry(detail)} : std::nullopt}, now_));
      case 3:
        return void(checker_.handle(FlowsRevoked{refs}, now_));
      case 4:
        return void(checker_.handle(FlowsKilled{refs}, now_));
      case 5:
        return void(checker_.handle(ResyncBegan{(detail & 2) != 0}, now_));
      case 6:
        seen.entry.mark = static_cast<FlowMark>(detail / 4 % 7);
        return void(checker_.handle(seen, now_));
      case 7:
        return void(checker_.handle(ResyncEnded{true}, now_));
      default:
        return void(checker_.handle(
            TcpClosing{(detail & 2) != 0 ? last_tuple_ : last_tuple_.reversed(), (detail & 4) != 0}, now_));
    }
  }

  void conntrack(std::uint8_t kind, std::uint8_t detail) {
    if ((detail & 1) != 0) return others(kind / 8 % 9, detail);
    ConntrackChanged change;
    change.kind = static_cast<ConntrackChanged::Kind>(kind / 8 % 3);
    change.entry = entry(detail);
    if ((detail & 64) != 0) change.entry.mark = FlowMark::accept;
    checker_.handle(change, now_);
  }

  Reader in_;
  test::EngineChecker checker_{options(), test::engine_policy(0), &test::decide_or_ask};
  Time now_{std::chrono::hours{1}};
  FiveTuple last_tuple_;
  FlowRef last_asked_;
  std::uint32_t last_packet_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Script{{data, size}}.run();
  return 0;
}
