// SPDX-License-Identifier: GPL-2.0-or-later
// How flows end (DESIGN.md §3): conntrack's events, sockets that are gone, idle time.
#include <algorithm>
#include <utility>

#include "engine_context.hpp"

namespace tollgate {
namespace {

// Expiry is told in whole seconds: so much is no movement.
constexpr std::uint32_t kExpiryNoise = 1;

std::uint32_t seconds_of(Time time) {
  return static_cast<std::uint32_t>(unix_nanoseconds(time) / 1'000'000'000);
}

std::uint32_t activity_of(const ConntrackEntry& entry, Time now) {
  if (entry.packets) return static_cast<std::uint32_t>(*entry.packets);
  return entry.expires_in ? seconds_of(now + *entry.expires_in) : 0;
}

FiveTuple tuple_of(const SocketGone& gone) {
  Endpoints ends;
  ends.source = gone.local;
  ends.destination = gone.remote;
  ends.protocol = gone.protocol;
  ends.source_port = gone.local_port;
  ends.destination_port = gone.remote_port;
  return FiveTuple::of(ends);
}

IpAddress local_address(const Flow& flow) {
  return flow.direction == Direction::inbound ? flow.tuple.destination_address()
                                              : flow.tuple.source_address();
}

bool other_socket(const FlowDetail& detail, const SocketGone& gone) {
  return detail.socket != 0 && gone.cookie != 0 && detail.socket != gone.cookie;
}

}  // namespace

FlowIndex Engine::find(const ConntrackEntry& entry) const {
  const FlowIndex index = flows_.find(FlowKey{entry.original});
  if (index != kNoFlow) return index;
  const FiveTuple between = between_nats(entry);
  return between == entry.original ? kNoFlow : flows_.find(FlowKey{between});
}

// A tuple by which conntrack finds the flow's entry.
FiveTuple Engine::entry_tuple(FlowIndex index) const {
  if (!originals_.empty()) {
    if (const auto found = originals_.find(index); found != originals_.end()) return found->second;
  }
  const Flow& flow = flows_.at(index);
  // Destination NAT of arriving flows comes before us: the answers have the addresses that we saw.
  return flow.direction == Direction::inbound ? flow.tuple.reversed() : flow.tuple;
}

void Engine::note_carried(FlowIndex index) {
  flows_.at(index).carried = true;
  // What gets its entry while the table is read may have been passed by; or after, while the flows are
  // looked through.
  if (resyncing()) flows_.detail(index).round = round_;
}

void Engine::learn_counts(Flow& flow, const ConntrackEntry& entry) {
  counts_ = entry.packets.has_value();
  if (entry.packets) flow.packets = std::max(flow.packets, *entry.packets);
  if (entry.bytes) flow.bytes = std::max(flow.bytes, *entry.bytes);
}

void Engine::learn(FlowIndex index, const ConntrackEntry& entry, Time now) {
  Flow& flow = flows_.at(index);
  FlowDetail& detail = flows_.detail(index);
  note_carried(index);
  if (entry.id != 0) detail.entry = entry.id;
  if (entry.original != flow.tuple && flow.direction != Direction::outbound)
    originals_[index] = entry.original;
  learn_counts(flow, entry);
  const std::uint32_t heard = activity_of(entry, now);
  if (heard == 0) return;
  const std::uint32_t before = std::exchange(detail.activity, heard);
  // Expiry also moves towards us: for as long as data is unacknowledged conntrack gives a TCP connection
  // five minutes instead of five days.
  const std::uint32_t by = heard > before ? heard - before : before - heard;
  const bool moved = entry.packets ? by != 0 : by > kExpiryNoise;
  if (before != 0 && moved) flows_.touch(index, now);
}

void Engine::on(const ConntrackChanged& change, Time now, Effects& effects) {
  const ConntrackEntry& entry = change.entry;
  const bool destroyed = change.kind == ConntrackChanged::Kind::destroyed;
  const FlowIndex index = find(entry);
  // What the kernel let pass by itself: a socket authorized for any peer, a helper's flow.
  const bool by_itself = !destroyed && entry.mark && verdict_of(*entry.mark);
  if (index == kNoFlow) {
    if (by_itself) hear_of(entry, now, effects);
    return;
  }
  Flow& flow = flows_.at(index);
  const FlowDetail& detail = flows_.detail(index);
  // What is over is nothing new: an ended flow whose entry was never learnt hears of its own end here.
  const bool begins = by_itself && !(entry.tcp && is_over(*entry.tcp));
  if (begins && flow.state == FlowState::ended && entry.id != detail.entry && entry.id != detail.former) {
    remove(flow, index, Removal::erased, effects);
    flows_.erase(index);
    return hear_of(entry, now, effects);
  }
  if (entry.id != 0) {
    // Another incarnation of the tuple: it was before this flow, or the next packet tells.
    if (detail.entry != 0 ? entry.id != detail.entry : entry.id == detail.former) return;
    // Ours, or that of the flow before it, which was never learnt? Conntrack knows.
    if (destroyed && detail.entry == 0 && detail.former == kSomeFormer) return ask_conntrack(index, effects);
  }
  if (destroyed) {
    learn_counts(flow, entry);
  } else {
    if (flow.state == FlowState::ended) return;
    learn(index, entry, now);
  }
  // A flow that waits, or that was refused from the first, has no entry: this one was before it.
  if (!destroyed && !(entry.tcp && is_over(*entry.tcp))) return;
  if (flow.state == FlowState::pending || !flow.carried) return;
  end(index, now, effects);
  if (destroyed) flows_.at(index).carried = false;
}

void Engine::on(const TcpClosing& seen, Time now, Effects& effects) {
  const FlowIndex index = flows_.find(FlowKey{seen.tuple});
  if (index == kNoFlow) return;
  Flow& flow = flows_.at(index);
  if (flow.state != FlowState::active || !flow.carried) return;
  if (!seen.reset && !note_fin(flow, seen.tuple == flow.tuple)) return;
  // Where conntrack counts, the end brings the counts; where another connection had the tuple a moment ago,
  // it is the one to say whose end this was.
  const bool disputed = flow.disputed && now - flow.first_seen < kRace;
  if (counts_ || disputed) return ask_conntrack(index, effects);
  end(index, now, effects);
}

// True when both ends have sent theirs.
bool Engine::note_fin(Flow& flow, bool along) {
  flow.closing = static_cast<std::uint8_t>((flow.closing | (along ? 1U : 2U)) & 3U);
  return flow.closing == 3;
}

void Engine::end(FlowIndex index, Time now, Effects& effects) {
  Flow& flow = flows_.at(index);
  if (flow.state == FlowState::ended) return;
  flow.question = false;
  give_up_inspection(index, now, effects);
  flows_.end(index, now);
  changed(FlowChanged::Kind::ended, index, effects);
}

void Engine::on(const SocketGone& gone, Time now, Effects& effects) {
  if (gone.remote_port != 0) {
    const FlowIndex index = flows_.find(FlowKey{tuple_of(gone)});
    if (index != kNoFlow) end_with_socket(index, gone, now, effects);
    return;
  }
  sockets_.withdraw(
      [&](const AuthorizedSocket& socket) {
        return socket.protocol == gone.protocol && socket.port == gone.local_port &&
               covers(gone.local, socket.address);
      },
      [&](const AuthorizedSocket& socket) { effects.sockets.push_back(effect_of(socket, false)); });
  if (gone.protocol == Protocol::udp || gone.protocol == Protocol::udplite) {
    end_socket(gone, now, now, effects);
  }
}

// Every UDP flow of one local endpoint that was there at `at`.
void Engine::end_socket(const SocketGone& gone, Time at, Time now, Effects& effects) {
  std::uint32_t left = kFlowsPerSlice;
  flows_.for_each_at_port(gone.local_port, [&](FlowIndex index, const Flow& flow) {
    if (left == 0 || flow.tuple.protocol != gone.protocol || flow.first_seen > at) return;
    if (!covers(gone.local, local_address(flow))) return;
    if (flow.state == FlowState::pending) return;  // it has its deadline
    end_with_socket(index, gone, now, effects);
    if (flow.state == FlowState::ended) --left;
  });
  if (left == 0) closing_.push_back({gone, at});
}

void Engine::end_with_socket(FlowIndex index, const SocketGone& gone, Time now, Effects& effects) {
  Flow& flow = flows_.at(index);
  const FlowDetail& detail = flows_.detail(index);
  if (flow.state == FlowState::ended || flow.state == FlowState::pending) return;
  if (flow.direction == Direction::forward || other_socket(detail, gone)) return;
  const bool sure = detail.socket != 0 && detail.socket == gone.cookie;
  if (gone.protocol == Protocol::tcp) {
    if (!sure && now - flow.first_seen < kRace) return ask_conntrack(index, effects);
    return end(index, now, effects);
  }
  // Whoever has the tuple next is asked anew, although the entry lives on for a while.
  if (flow.carried && kernel_mark(flow) != FlowMark::undecided) {
    effects.marks.push_back({entry_tuple(index), FlowMark::undecided});
  }
  windows_.close({local_address(flow), gone.local_port});
  end(index, now, effects);
}

// Only what the kernel carries out of our sight has to be asked about.
bool Engine::probe(FlowIndex index, const Flow& flow, Effects& effects) {
  if (!options_.probes || !flow.carried || flow.state != FlowState::active ||
      kernel_mark(flow) == FlowMark::undecided)
    return false;
  ask_conntrack(index, effects);
  return true;
}

void Engine::ask_conntrack(FlowIndex index, Effects& effects) {
  ++counters_.probed;
  effects.probes.push_back({flows_.ref(index), entry_tuple(index)});
}

void Engine::on(const FlowProbed& probed, Time now, Effects& effects) {
  const FlowIndex index = flows_.find(probed.flow);
  if (index == kNoFlow) return;
  Flow& flow = flows_.at(index);
  if (flow.state == FlowState::ended || flow.state == FlowState::pending) return;
  const FlowDetail before = flows_.detail(index);
  const bool same =
      probed.entry && (before.entry == 0 || probed.entry->id == 0 || probed.entry->id == before.entry);
  if (!same || (probed.entry->tcp && is_over(*probed.entry->tcp))) {
    if (same) learn_counts(flow, *probed.entry);
    end(index, now, effects);
    flow.carried = same;
    return;
  }
  learn(index, *probed.entry, now);
  // Packets have answered, those that conntrack has seen or one that came up; or the question was another.
  if (!flow.asked) return;
  // What was never heard of before is given the benefit of the doubt.
  if (before.activity == 0) return flows_.touch(index, now);
  remove(flow, index, Removal::idle, effects);
  flows_.erase(index);
}

// Whoever removes a flow from the table calls this first: what waits for it gets its verdict now.
void Engine::remove(const Flow& flow, FlowIndex index, Removal why, Effects& effects) {
  const bool evicted = why == Removal::evicted_ended || why == Removal::evicted_idle;
  const Reason reason = evicted ? Reason::overload : Reason::timed_out;
  const Verdict verdict = evicted ? options_.on_overload : options_.on_deadline;
  for (const HeldPacket& packet : pending_.release(index)) give(packet, flow, verdict, reason, effects);
  if (!originals_.empty()) originals_.erase(index);
  if (!masters_.empty()) masters_.erase(index);
  give_up_inspection(index, now_, effects);
  if (why != Removal::erased && flow.carried && !asks_daemon(kernel_mark(flow)) &&
      flow.state != FlowState::ended) {
    forgotten_ = true;
  }
  tell_deferred(index, effects);
  changed(FlowChanged::Kind::removed, index, effects);
  owners_.forget(index);
  observer_.forget(flow.id);
  forget_asker(flow);
}

}  // namespace tollgate
