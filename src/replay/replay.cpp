// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/replay/replay.hpp"

#include <algorithm>
#include <utility>

#include "replay/capture_file.hpp"
#include "replay/flow_report.hpp"
#include "replay/orientation.hpp"
#include "tollgate/control/flow_entry.hpp"

namespace tollgate {
namespace {

template <class Enum>
std::map<std::string, std::uint64_t> words(const EnumCounters<Enum>& counters) {
  std::map<std::string, std::uint64_t> named;
  for (std::size_t i = 0; i < EnumCounters<Enum>::kSize; ++i) {
    const auto value = static_cast<Enum>(i);
    if (counters[value] > 0) named.emplace(to_string(value), counters[value]);
  }
  return named;
}

// A capture cannot be asked about what it does not show.
EngineOptions without_probes(EngineOptions options) {
  options.probes = false;
  return options;
}

// The engine with a capture in the place of the kernel.
//
// A kernel would not even queue what follows a permanent verdict. Here every packet goes to the
// engine, which answers such a one from the flow without asking the policy: the flow is counted, looked
// into, kept alive and ended by the packets that the capture shows, as conntrack would do it.
class Player {
 public:
  Player(const ReplayOptions& options, PolicyPointer policy,
         const std::function<void(const FlowEntry&)>& flow)
      : options_{options},
        engine_{without_probes(options.engine), std::move(policy)},
        report_{options.engine.flows.max_flows,
                [this, &flow](const FlowChanged& gone) { flow(describe(engine_, gone)); }} {
    engine_.watch_changes(true);
  }

  void play(const Frame& frame, LinkType type) {
    const auto bytes = ip_bytes(type, frame.bytes);
    if (!bytes) {
      ++summary_.other_frames;
      return;
    }
    pass_time_until(frame.time);
    const auto link_header = static_cast<std::size_t>(bytes->data() - frame.bytes.data());
    play_packet(*bytes, frame.wire_length - link_header, frame.time);
  }

  ReplaySummary finish() {
    engine_.flows().for_each([&](FlowIndex index, const Flow&) {
      report_.left(engine_.change(FlowChanged::Kind::removed, index));
    });
    report_.finish();
    summary_.packets = engine_.counters().packets;
    summary_.flows = report_.emitted();
    summary_.malformed = words(engine_.counters().malformed);
    summary_.verdicts = words(engine_.counters().verdicts);
    return summary_;
  }

 private:
  void play_packet(std::span<const std::uint8_t> bytes, std::size_t wire_length, Time now) {
    PacketQueued queued;
    queued.bytes = bytes;
    queued.wire_length = wire_length;
    const Parsed<Packet> packet = parse_packet(bytes, wire_length);
    // What cannot be read stays where it is: the engine counts it, whichever way it went.
    if (packet) {
      const FlowIndex index = engine_.flows().find(FlowKey{FiveTuple::of(packet->endpoints)});
      const Flow* known = index == kNoFlow ? nullptr : &engine_.flows().at(index);
      const Orientation orientation = orient(*packet, known, options_.local);
      queued.hook = orientation.hook;
      queued.reply = orientation.reply;
    }
    handle(queued, now);
  }

  // What is due in the meantime happens at its own time, not at the next packet's.
  void pass_time_until(Time now) {
    for (auto due = engine_.next_deadline(); due && *due <= now; due = engine_.next_deadline()) {
      handle(TimePassed{}, std::max(*due, now_));
    }
  }

  void handle(const Event& event, Time now) {
    now_ = now;
    effects_.clear();
    engine_.handle(event, now, effects_);
    for (const FlowChanged& change : effects_.changes) {
      switch (change.kind) {
        case FlowChanged::Kind::opened:
          report_.opened(change.flow);
          break;
        case FlowChanged::Kind::removed:
          report_.left(change);
          break;
        case FlowChanged::Kind::decided:
        case FlowChanged::Kind::ended:
          break;
      }
    }
  }

  const ReplayOptions& options_;
  Engine engine_;
  Effects effects_;
  Time now_{};
  FlowReport report_;
  ReplaySummary summary_;
};

}  // namespace

Result<ReplaySummary, std::string> replay(const ReplayOptions& options, PolicyPointer policy,
                                          const std::function<void(const FlowEntry&)>& flow) {
  Result<CaptureFile, std::string> file = CaptureFile::open(options.capture);
  if (!file) return file.error();
  Player player{options, std::move(policy), flow};
  while (true) {
    const Result<std::optional<Frame>, std::string> frame = file->next();
    if (frame && *frame) {
      player.play(**frame, file->link_type());
      continue;
    }
    ReplaySummary summary = player.finish();
    if (!frame) return frame.error();
    return summary;
  }
}

}  // namespace tollgate
