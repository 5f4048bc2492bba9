// SPDX-License-Identifier: GPL-2.0-or-later
#include "gate.hpp"

#include <utility>

namespace tollgate {
namespace {

// Messages taken from a socket before anything else gets its turn.
constexpr unsigned kPacketBudget = 64;

}  // namespace

using boost::asio::posix::stream_descriptor;

Gate::Gate(boost::asio::io_context& loop, const Config& config, const Parts& parts,
           std::function<void(const FlowChanged&)> publish)
    : loop_{loop},
      parts_{parts},
      publish_{std::move(publish)},
      queue_{loop, parts.queue.fd()},
      interfaces_{loop, parts.interfaces.fd()},
      timer_{loop},
      hashes_{loop, [this](const ProcessFound& found) { handle(found); }},
      follower_{loop,
                config,
                {parts.clock, parts.engine, parts.conntrack, parts.conntrack_events, parts.socket_events,
                 parts.segments, parts.sockets, parts.interfaces, parts.log},
                [this](const std::function<void(const Deliver&)>& events) { turn(events); }} {
  if (parts.names != nullptr) {
    names_.emplace(loop, NameWatch::Parts{parts.clock, *parts.names, parts.attribution, parts.log},
                   [this](const std::function<void(const Deliver&)>& events) { turn(events); });
  }
}

Gate::~Gate() {
  // The sockets belong to those who opened them.
  queue_.release();
  interfaces_.release();
}

void Gate::start() {
  if (parts_.attribution != nullptr) {
    owners_.emplace(loop_, *parts_.attribution,
                    [this](const ProcessFound& found) { handle(hashes_.complete(found)); });
  }
  receive_packets();  // some may have come while the queues were bound
  wait_for_packets();
  wait_for_interfaces();
  tell_broadcasts();
  follower_.start();
  if (names_) names_->start();
  arm_timer();
}

void Gate::want_hashes(bool wanted) {
  const bool fresh = wanted && !hashes_.wanted();
  hashes_.want(wanted);
  if (!fresh) return;
  std::vector<ProcessFound> known;
  const FlowTable& flows = parts_.engine.flows();
  flows.scan(0, flows.places(), [&](FlowIndex index, const Flow&) {
    const FlowOwner& owner = parts_.engine.owner(index);
    if (owner.process) known.push_back(hashes_.complete({flows.ref(index), owner.process, owner.why}));
  });
  turn([&](const Deliver& deliver) {
    for (const ProcessFound& one : known) {
      if (!one.process->sha256.empty()) deliver(one);
    }
  });
}

void Gate::handle(const Event& event) {
  turn([&](const Deliver& deliver) { deliver(event); });
}

void Gate::turn(const std::function<void(const Deliver&)>& events) {
  const Time now = parts_.clock.now();
  events([&](const Event& event) { parts_.engine.handle(event, now, effects_); });
  carry_out(now);
  arm_timer();
}

std::optional<NameRefusal> Gate::name(const Event& event) {
  const Time now = parts_.clock.now();
  parts_.engine.handle(event, now, effects_);
  std::optional<NameRefusal> refusal = effects_.name_refusal;
  carry_out(now);
  arm_timer();
  return refusal;
}

ByHand Gate::by_hand(const Event& event) {
  const Time now = parts_.clock.now();
  parts_.engine.handle(event, now, effects_);
  const ByHand did = effects_.by_hand;
  carry_out(now);
  arm_timer();
  return did;
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
  parts_.queue.receive(kPacketBudget, [&](std::span<const PacketQueued> packets) { decide(packets, now); });
  const std::uint64_t enobufs = parts_.queue.enobufs();
  if (enobufs != std::exchange(enobufs_, enobufs)) {
    parts_.log.trouble("queue-enobufs", LogLevel::warning,
                       "the queue's socket overran: packets were lost (queue.socket_buffer in tollgate.toml)",
                       now);
  }
}

// What the programs behind these packets were told before is known first.
void Gate::decide(std::span<const PacketQueued> packets, Time now) {
  if (names_) names_->take([&](const Event& event) { parts_.engine.handle(event, now, effects_); });
  parts_.engine.handle(packets, now, effects_);
  carry_out(now);
}

void Gate::wait_for_interfaces() {
  interfaces_.async_wait(stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    parts_.interfaces.receive();
    interfaces_changed_();
    tell_broadcasts();
    wait_for_interfaces();
  });
}

void Gate::tell_broadcasts() {
  std::vector<IpAddress> now = parts_.interfaces.broadcasts();
  if (now == broadcasts_) return;
  broadcasts_ = std::move(now);
  handle(BroadcastAddresses{broadcasts_});
}

// Nearly all answers are there at once.
void Gate::find_owners(Time now) {
  asked_.clear();
  std::swap(asked_, effects_.look_ups);
  owners_->look_up(asked_, [&](const ProcessFound& found) {
    parts_.engine.handle(hashes_.complete(found), now, effects_);
  });
}

void Gate::give_verdicts() {
  for (const PacketVerdict& verdict : effects_.verdicts) parts_.queue.answer(verdict);
  parts_.queue.send();
  effects_.verdicts.clear();
}

// Whose a flow is delays the verdicts that depend on it and, where that can wait, no others.
void Gate::carry_out(Time now) {
  const bool asked = owners_ && !effects_.look_ups.empty();
  if (asked && !parts_.attribution->can_wait()) find_owners(now);
  give_verdicts();
  if (asked && parts_.attribution->can_wait()) {
    find_owners(now);
    give_verdicts();
  }
  // After the verdicts: only then does conntrack's table hold the flows whose marks are set.
  follower_.carry_out(effects_);
  if (!effects_.sockets.empty()) sockets_changed_(effects_.sockets);
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

void Gate::drain() {
  parts_.queue.admit_no_more();
  while (parts_.queue.receive(
      kPacketBudget, [&](std::span<const PacketQueued> packets) { decide(packets, parts_.clock.now()); })) {
  }
}

}  // namespace tollgate
