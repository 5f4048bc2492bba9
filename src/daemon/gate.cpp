// SPDX-License-Identifier: GPL-2.0-or-later
#include "gate.hpp"

#include <utility>

namespace tollgate {
namespace {

// Messages taken from a socket before anything else gets its turn.
constexpr unsigned kPacketBudget = 64;
constexpr unsigned kEventBudget = 256;
// Conntrack's original direction seen from this machine.
Direction direction_of(const FiveTuple& tuple, const Interfaces& interfaces) {
  if (interfaces.is_local(tuple.source_address())) return Direction::outbound;
  return interfaces.is_local(tuple.destination_address()) ? Direction::inbound : Direction::forward;
}

}  // namespace

using boost::asio::posix::stream_descriptor;

Gate::Gate(boost::asio::io_context& loop, const Parts& parts, std::function<void(const FlowChanged&)> publish)
    : parts_{parts},
      publish_{std::move(publish)},
      queue_{loop, parts.queue.fd()},
      conntrack_{loop, parts.conntrack.event_fd()},
      interfaces_{loop, parts.interfaces.fd()},
      timer_{loop} {}

Gate::~Gate() {
  // The sockets belong to those who opened them.
  queue_.release();
  conntrack_.release();
  interfaces_.release();
}

void Gate::start() {
  receive_packets();  // some may have come while the queues were bound
  wait_for_packets();
  wait_for_conntrack();
  wait_for_interfaces();
  arm_timer();
}

void Gate::handle(const Event& event) {
  const Time now = parts_.clock.now();
  parts_.engine.handle(event, now, effects_);
  carry_out();
  arm_timer();
}

void Gate::wait_for_packets() {
  queue_.async_wait(stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    receive_packets();
    arm_timer();
    wait_for_packets();
  });
}

void Gate::receive_packets() {
  const Time now = parts_.clock.now();
  parts_.queue.receive(kPacketBudget, [&](std::span<const PacketQueued> packets) {
    parts_.engine.handle(packets, now, effects_);
    carry_out();
  });
  const std::uint64_t enobufs = parts_.queue.enobufs();
  if (enobufs != std::exchange(enobufs_, enobufs)) {
    parts_.log.trouble("queue-enobufs", LogLevel::warning,
                       "the queue's socket overran: packets were lost (queue.socket_buffer in tollgate.toml)",
                       now);
  }
}

void Gate::wait_for_conntrack() {
  conntrack_.async_wait(stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    const Time now = parts_.clock.now();
    parts_.conntrack.receive_events(
        kEventBudget, [&](const ConntrackChanged& change) { parts_.engine.handle(change, now, effects_); });
    carry_out();
    const std::uint64_t overruns = parts_.conntrack.counters().overruns;
    if (overruns != std::exchange(overruns_, overruns)) {
      parts_.log.trouble("conntrack-enobufs", LogLevel::warning,
                         "conntrack's event socket overran: some flows will end by their idle time only",
                         now);
    }
    arm_timer();
    wait_for_conntrack();
  });
}

void Gate::wait_for_interfaces() {
  interfaces_.async_wait(stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    parts_.interfaces.receive();
    wait_for_interfaces();
  });
}

void Gate::carry_out() {
  for (const PacketVerdict& verdict : effects_.verdicts) parts_.queue.answer(verdict);
  parts_.queue.send();
  // After the verdicts: only then does conntrack's table hold the flows whose marks are set.
  if (!effects_.marks.empty()) parts_.conntrack.set_marks(effects_.marks);
  for (const Record& record : effects_.records) parts_.log.record(record);
  for (const FlowChanged& change : effects_.changes) publish_(change);
  effects_.clear();
}

void Gate::arm_timer() {
  const std::optional<Time> next = parts_.engine.next_deadline();
  if (!next || next == armed_) return;
  // Deadlines move back with every packet of the flow that is next to go. A timer that comes too
  // early just looks again, so it is only moved when it would come too late.
  if (armed_ && *next > *armed_) return;
  armed_ = next;
  timer_.expires_at(parts_.clock.steady(*next));
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    armed_.reset();
    handle(TimePassed{});
  });
}

Result<std::uint64_t, std::string> Gate::adopt() {
  const Time now = parts_.clock.now();
  const std::uint64_t before = parts_.engine.counters().adopted;
  parts_.engine.handle(ResyncBegan{true}, now, effects_);
  const auto result = parts_.conntrack.dump([&](ConntrackEntry entry, std::uint32_t) {
    // Without a verdict of ours it may be what the rules never ask about.
    if (!entry.mark || !verdict_of(*entry.mark)) return;
    entry.direction = direction_of(entry.original, parts_.interfaces);
    parts_.engine.handle(ConntrackSeen{entry, {}, 0}, now, effects_);
  });
  parts_.engine.handle(ResyncEnded{result.ok()}, now, effects_);
  carry_out();
  if (!result.ok()) return result.error();
  return parts_.engine.counters().adopted - before;
}

void Gate::drain() {
  parts_.queue.admit_no_more();
  while (parts_.queue.receive(kPacketBudget, [&](std::span<const PacketQueued> packets) {
    const Time now = parts_.clock.now();
    parts_.engine.handle(packets, now, effects_);
    carry_out();
  })) {
  }
}

}  // namespace tollgate
