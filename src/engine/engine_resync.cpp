// SPDX-License-Identifier: GPL-2.0-or-later
// Cache and conntrack's table are held against each other: at start, after lost events, and when a new
// policy concerns flows that only the table knows.
#include "engine_context.hpp"

namespace tollgate {
namespace {

// The local socket of a flow that is not forwarded.
AuthorizedSocket socket_of(const ConntrackEntry& entry, const FiveTuple& tuple) {
  const bool inbound = entry.direction == Direction::inbound;
  AuthorizedSocket socket;
  socket.protocol = tuple.protocol;
  socket.direction = entry.direction;
  socket.address = inbound ? tuple.destination_address() : tuple.source_address();
  socket.port = inbound ? tuple.destination_port : tuple.source_port;
  return socket;
}

}  // namespace

void Engine::on(const ResyncBegan& began, Time, Effects&) {
  ++round_;
  resync_ = true;
  restart_ = began.restart;
  sweep_walk_.reset();  // that of an older reading is overtaken
}

void Engine::on(const ConntrackSeen& seen, Time now, Effects& effects) {
  if (!resync_) return;
  const ConntrackEntry& entry = seen.entry;
  const FlowIndex index = find(entry);
  if (index != kNoFlow) return compare(index, entry, now, effects);
  adopt(seen, restart_ ? Cause::restart : Cause::resync, now, effects);
}

void Engine::on(const ResyncEnded& ended, Time, Effects&) {
  if (!resync_) return;
  resync_ = false;
  if (!ended.whole) {
    forgotten_ = true;
    return;
  }
  ++counters_.resyncs;
  forgotten_ = false;
  sweep_walk_ = 0;
}

// A flow that we know: learn what is new of it, and put right what is wrong in the table.
void Engine::compare(FlowIndex index, const ConntrackEntry& entry, Time now, Effects& effects) {
  Flow& flow = flows_.at(index);
  const FlowDetail& detail = flows_.detail(index);
  if (flow.state == FlowState::pending) return;
  const bool over = entry.tcp && is_over(*entry.tcp);
  if (entry.id != 0 && detail.entry == 0 && entry.id == detail.former) return;
  if (entry.id != 0 && detail.entry != 0 && entry.id != detail.entry) {
    // The tuple is another connection's by now, or this was read before our flow began.
    if (entry.id == detail.former || over) return;
    end(index, now, effects);
    remove(flow, index, Removal::erased, effects);
    flows_.erase(index);
    return adopt({entry, {}, 0}, Cause::resync, now, effects);
  }
  if (flow.state == FlowState::ended && flow.tuple.protocol == Protocol::tcp && !over) {
    // It lives, whatever made us think otherwise.
    remove(flow, index, Removal::erased, effects);
    flows_.erase(index);
    return adopt({entry, {}, 0}, Cause::resync, now, effects);
  }
  if (flow.state == FlowState::ended) {
    // Its socket is gone: nobody may have the tuple without being asked.
    const bool held = entry.mark && *entry.mark != FlowMark::undecided;
    if (held && !over && flow.tuple.protocol != Protocol::tcp) {
      effects.marks.push_back({entry.original, FlowMark::undecided});
    }
    return;
  }
  learn(index, entry, now);
  flows_.detail(index).round = round_;
  if (over) return end(index, now, effects);
  if (!entry.mark || *entry.mark == kernel_mark(flow)) return;
  ++counters_.healed;
  effects.marks.push_back({entry.original, kernel_mark(flow)});
}

// The kernel let a flow pass by itself: for its socket, or as a helper expected it.
void Engine::hear_of(const ConntrackEntry& entry, Time now, Effects& effects) {
  const FiveTuple tuple = entry.direction == Direction::outbound ? entry.original : between_nats(entry);
  if (entry.expected || sockets_.find(socket_of(entry, tuple)) != nullptr)
    return adopt({entry, {}, 0}, Cause::none, now, effects);
  // Its socket has been taken back since, and the event may be older than its mark: the table has what holds.
  effects.read_table = true;
}

// A connection that is not in the cache.
void Engine::adopt(const ConntrackSeen& found, Cause cause, Time now, Effects& effects) {
  const ConntrackEntry& entry = found.entry;
  if (!has_flow(entry.original.protocol) || (entry.tcp && is_over(*entry.tcp))) return;
  const std::optional<Verdict> held = entry.mark ? verdict_of(*entry.mark) : std::nullopt;
  const FiveTuple tuple = entry.direction == Direction::outbound ? entry.original : between_nats(entry);
  Evidence seen;
  seen.tuple = tuple;
  seen.direction = entry.direction;
  seen.uid = found.uid;
  seen.reauthorize = true;
  if (options_.attribution) seen.process = Known<const Process*>::awaited();
  // What it had to say first may still be to come.
  if (entry.mark == FlowMark::inspect) {
    seen.findings = Known<const Findings*>::awaited();
    seen.encrypted = seen.name_mismatch = Known<bool>::awaited();
  }
  const Decision decision = held ? Decision{Waits{}} : decide_again(seen, now);
  // Asking keeps what is in force: an undecided connection is asked about when its next packet comes.
  const bool asks = !held && std::holds_alternative<Waits>(decision);
  if (asks && options_.in_reauthorization == AskAgain::keep) return;

  const FlowIndex index = open_flow(tuple, FlowKey{tuple}, entry.direction, now, effects);
  Flow& flow = flows_.at(index);
  ++counters_.adopted;
  flow.adopted = true;
  flow.picked_up = true;
  learn(index, entry, now);
  if (found.uid.is_known()) flow.uid = *found.uid;
  flows_.detail(index).socket = found.socket.value_or(0);
  if (held) flow.state = FlowState::active;
  flow.reason = Reason::cached;
  flow.generation = generation_;
  flow.verdict = held.value_or(Verdict::accept);
  if (held && cause == Cause::none) {
    if (const AuthorizedSocket* socket = sockets_.find(socket_of(entry, tuple))) flow.rule = socket->rule;
  }
  ask_owner(index, 0, found.socket, now, effects);
  changed(FlowChanged::Kind::opened, index, effects);
  if (!held) {
    const Decided none{Verdict::block, Reason::asking, Stage::none, kNoRule};
    const Decided* decided = std::get_if<Decided>(&decision);
    flow.question = decided == nullptr;
    settle(index, decided != nullptr ? *decided : none, cause, now, effects);
    enforce(index, Verdict::accept, entry.mark.value_or(FlowMark::undecided), now, effects);
  } else if (cause != Cause::restart) {
    // Which policy gave this verdict nobody knows any more.
    flow.generation = cause == Cause::none ? generation_ : Generation{1};
    if (is_stale(flow)) reauthorize(index, why_stale(flow), now, effects);
  }
}

// What the kernel carried and the reading did not find is over.
void Engine::sweep(Time now, Effects& effects) {
  sweep_walk_ = flows_.scan(*sweep_walk_, kFlowsPerSlice, [&](FlowIndex index, const Flow& flow) {
    const bool lives = flow.state == FlowState::active || flow.state == FlowState::inspecting;
    if (!lives || !flow.carried || flows_.detail(index).round == round_) return;
    ++counters_.vanished;
    end(index, now, effects);
    flows_.at(index).carried = false;
  });
}

}  // namespace tollgate
