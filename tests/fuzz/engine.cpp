// SPDX-License-Identifier: GPL-2.0-or-later
// The whole engine: the bytes are a script of events, packets included. The checker throws when a
// packet gets no verdict or two, or a bound is passed.
#include <cstddef>
#include <cstdint>
#include <span>

#include "../support/engine_checker.hpp"
#include "../support/memory_sources.hpp"
#include "tollgate/base/reader.hpp"

using namespace tollgate;

namespace {

constexpr const char* kPolicy = R"([default]
outbound = "permanent-accept"
inbound = "block"
[[rule]]
name = "ask"
port = "tcp/443"
verdict = "accept"
[[rule]]
name = "temporary"
protocol = ["tcp", "udp"]
port = "1-1023"
verdict = "accept"
[[rule]]
name = "refused"
destination = ["10.0.0.0/8", "2001:db8::/32"]
verdict = "permanent-block"
)";

Decision decide_or_ask(const Policy& rules, const Evidence& seen) {
  const Decision decision = decide(rules, seen);
  const Decided* decided = std::get_if<Decided>(&decision);
  return decided != nullptr && decided->rule == 0 ? Decision{Waits{0}} : decision;
}

EngineOptions options() {
  EngineOptions small;
  small.flows.max_flows = 16;
  small.pending = {8, 2, std::chrono::seconds{5}};
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
    checker_.handle(TimePassed{}, now_ + std::chrono::hours{1});
    if (checker_.waiting() != 0 || checker_.engine().flows().size() != 0) __builtin_trap();
  }

 private:
  void step(std::uint8_t kind) {
    std::uint8_t detail = 0;
    in_.u8(detail);
    switch (kind % 8) {
      case 0:
        return void(checker_.handle(TimePassed{}, now_));
      case 1:
        return void(checker_.handle(
            AnswerGiven{FlowId{detail}, static_cast<Verdict>(kind / 8 % kVerdictCount)}, now_));
      case 2:
        return void(checker_.handle(PolicyReplaced{policy()}, now_));
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
    PacketQueued queued;
    queued.id = {0, ++last_packet_};
    queued.hook = static_cast<Hook>(detail & 3);
    queued.reply = (detail & 4) != 0;
    queued.transit = (detail & 8) != 0;
    queued.foreign_mark = (detail & 16) != 0;
    queued.bytes = bytes.rest();
    queued.wire_length = bytes.remaining() + ((detail & 32) != 0 ? kind : 0U);
    if ((detail & 64) != 0) queued.uid = kind;
    const auto parsed = parse_packet(queued.bytes);
    if (parsed.ok()) last_tuple_ = FiveTuple::of(parsed->endpoints);
    checker_.handle(queued, now_);
  }

  void conntrack(std::uint8_t kind, std::uint8_t detail) {
    ConntrackChanged change;
    change.kind = static_cast<ConntrackChanged::Kind>(kind / 8 % 3);
    change.entry.original = (detail & 2) != 0 ? last_tuple_ : last_tuple_.reversed();
    change.entry.reply = change.entry.original.reversed();
    if ((detail & 4) != 0) change.entry.tcp = TcpState::close;
    checker_.handle(change, now_);
  }

  static PolicyPointer policy() {
    static const PolicyPointer compiled = *load_text(kPolicy, {true, true, true, true});
    return compiled;
  }

  Reader in_;
  test::EngineChecker checker_{options(), policy(), &decide_or_ask};
  Time now_{std::chrono::hours{1}};
  FiveTuple last_tuple_;
  std::uint32_t last_packet_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Script{{data, size}}.run();
  return 0;
}
