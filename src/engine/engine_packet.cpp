// SPDX-License-Identifier: GPL-2.0-or-later
// The way of a packet through the engine (DESIGN.md §2, §4).
#include <algorithm>
#include <boost/container/static_vector.hpp>

#include "engine_context.hpp"

namespace tollgate {
namespace {

bool opens_connection(const Packet& packet) {
  return packet.endpoints.protocol == Protocol::tcp &&
         (packet.tcp_flags & (tcp_flag::syn | tcp_flag::ack)) == tcp_flag::syn;
}

// Conntrack has had it from an earlier packet on: its mark outlives a refusal.
template <class Context>
bool has_entry(const Context& context) {
  const bool midway = context.packet.endpoints.protocol == Protocol::tcp && !opens_connection(context.packet);
  return context.queued.established || context.queued.reply || midway;
}

Direction opposite(Direction direction) {
  switch (direction) {
    case Direction::outbound:
      return Direction::inbound;
    case Direction::inbound:
      return Direction::outbound;
    case Direction::forward:
    case Direction::count_:
      break;
  }
  return direction;
}

// The direction of the flow, from where its packet stands and which way it travels.
Direction direction_of(const PacketQueued& queued) {
  Direction direction = Direction::forward;
  switch (queued.hook) {
    case Hook::output:
      direction = Direction::outbound;
      break;
    case Hook::input:
      direction = Direction::inbound;
      break;
    case Hook::prerouting:
      direction = queued.transit ? Direction::forward : Direction::inbound;
      break;
    case Hook::forward:
      break;
  }
  return queued.reply ? opposite(direction) : direction;
}

std::uint32_t known_or(const Known<std::uint32_t>& field, std::uint32_t otherwise) {
  return field.is_known() ? *field : otherwise;
}

// 1. Whose is it? The queue tells which way the packet travels. Another's DNAT in OUTPUT comes after us,
//    and is undone in INPUT after us: only conntrack knows which flow such an answer belongs to.
FiveTuple tuple_of(const PacketQueued& queued, const Packet& packet) {
  const bool after_nat = queued.hook == Hook::input && queued.reply && !packet.icmp_error;
  if (queued.conntrack && after_nat) return *queued.conntrack;
  const FiveTuple tuple = FiveTuple::of(packet.endpoints);
  return queued.reply ? tuple.reversed() : tuple;
}

// The flow that has to be looked up: an ICMP error's is the one that it quotes.
FiveTuple subject(const Packet& packet, const FiveTuple& tuple) {
  return packet.icmp_error && packet.has_inner ? FiveTuple::of(packet.inner) : tuple;
}

}  // namespace

Engine::Arrival::Arrival(const PacketQueued& from)
    : queued{from},
      packet{parse_packet(from.bytes, from.wire_length)},
      tuple{packet.ok() ? tuple_of(from, *packet) : FiveTuple{}},
      direction{direction_of(from)},
      key{packet.ok() ? subject(*packet, tuple) : tuple} {}

// DESIGN.md §3: by default only TCP and UDP have flows.
bool Engine::has_flow(Protocol protocol) const {
  if (protocol == Protocol::tcp || protocol == Protocol::udp) return true;
  return (is_icmp(protocol) ? options_.icmp : options_.other) == FlowHandling::flow;
}

void Engine::on(const PacketQueued& queued, Time now, Effects& effects) { on(Arrival{queued}, now, effects); }

void Engine::handle(std::span<const PacketQueued> packets, Time now, Effects& effects) {
  now_ = now;
  // As many as the memory of one core fetches at once; more would push each other out again.
  constexpr std::size_t kTogether = 16;
  boost::container::static_vector<Arrival, kTogether> together;
  while (!packets.empty()) {
    const auto group = packets.first(std::min(packets.size(), kTogether));
    packets = packets.subspan(group.size());
    together.clear();
    for (const PacketQueued& queued : group) flows_.prefetch_index(together.emplace_back(queued).key);
    for (const Arrival& arrival : together) flows_.prefetch_flow(arrival.key);
    for (const Arrival& arrival : together) on(arrival, now, effects);
  }
}

void Engine::on(const Arrival& arrival, Time now, Effects& effects) {
  const PacketQueued& queued = arrival.queued;
  ++counters_.packets;
  // 2. What cannot be read has no flow and no rule can name it.
  if (!arrival.packet.ok()) return on_unparsed(queued, arrival.packet.error(), now, effects);

  // 3. Errors belong to the flow they speak of; the rest without flows is asked packet by packet.
  const Packet& packet = *arrival.packet;
  const Context context{queued, packet, arrival.tuple, arrival.key, arrival.direction, now, effects};
  if (packet.icmp_error) return on_icmp_error(context);
  const bool flow = has_flow(packet.endpoints.protocol) && packet.fragment != Fragment::later;
  return flow ? on_flow_packet(context) : on_single_packet(context);
}

void Engine::on_unparsed(const PacketQueued& queued, ParseError error, Time now, Effects& effects) {
  counters_.malformed.add(error);
  Record entry;
  entry.time = now;
  entry.direction = direction_of(queued);
  entry.verdict = options_.unparsed;
  entry.reason = Reason::unparsed;
  entry.generation = generation_;
  entry.interface = queued.interface;
  entry.detail = to_string(error);
  effects.records.push_back(std::move(entry));
  give_single({queued.id, queued.foreign_mark}, options_.unparsed, Reason::unparsed, effects);
}

void Engine::on_icmp_error(const Context& context) {
  if (context.packet.has_inner && options_.icmp_errors == IcmpErrors::follow) {
    const FlowIndex index = flows_.find(context.key);
    if (index != kNoFlow) {
      const Flow& flow = flows_.at(index);
      // An undecided flow has sent nothing on, so nobody can have an error to tell about it.
      const bool pass = flow.state != FlowState::pending && lets_pass(flow.verdict);
      return give_single(context.held(), pass ? Verdict::accept : Verdict::drop, Reason::related,
                         context.effects);
    }
  }
  on_single_packet(context);
}

void Engine::on_single_packet(const Context& context) {
  Evidence seen;
  seen.tuple = context.tuple;
  seen.direction = context.direction;
  if (!context.queued.interface.empty()) seen.interface = context.queued.interface;
  seen.uid = context.queued.uid;
  seen.gid = context.queued.gid;
  const Decision decision = decide_(*policy_, seen);
  Decided decided{options_.on_overload, Reason::overload, Stage::none, kNoRule};  // nothing to wait with
  if (const Decided* found = std::get_if<Decided>(&decision)) decided = *found;
  if (is_reroute(decided.verdict)) ++counters_.reroute_refused;
  decided.verdict = temporary(decided.verdict);
  count_hit(decided.rule);

  Record entry;
  entry.time = context.now;
  entry.tuple = context.tuple;
  entry.direction = context.direction;
  entry.verdict = decided.verdict;
  entry.reason = decided.reason;
  entry.stage = decided.stage;
  if (decided.rule != kNoRule) entry.rule = policy_->rules()[decided.rule].name;
  entry.generation = generation_;
  entry.interface = context.queued.interface;
  entry.uid = context.queued.uid;
  entry.gid = context.queued.gid;
  context.effects.records.push_back(std::move(entry));
  give_single(context.held(), decided.verdict, decided.reason, context.effects);
}

void Engine::on_flow_packet(const Context& context) {
  const FlowKey& key = context.key;
  FlowIndex index = flows_.find(key);
  // 4. The tuple may be used again while the flow that had it before is still remembered.
  std::uint32_t former = 0;
  bool disputed = false;
  bool carried = has_entry(context);
  if (index != kNoFlow && is_successor(context, flows_.at(index))) {
    // A SYN begins an entry of its own; what else follows may have that of the flow before.
    const bool opens = opens_connection(context.packet);
    const std::uint32_t entry = opens ? flows_.detail(index).entry : 0;
    if (flows_.at(index).carried) former = entry != 0 ? entry : kSomeFormer;
    // Copies of its last segments may still be on their way.
    const Flow& last = flows_.at(index);
    disputed = opens && (last.state != FlowState::ended || context.now - last.ended < kRace);
    // UDP outlives its socket in conntrack's table. Where the packet does not tell, so we suppose.
    const bool untold = context.queued.conntrack_id == 0 && !opens;
    carried = carried || (untold && flows_.at(index).carried);
    remove(flows_.at(index), index, Removal::erased, context.effects);
    flows_.erase(index);
    index = kNoFlow;
  }
  const bool opened = index == kNoFlow;
  if (opened) {
    index = open_for(context, key);
    flows_.detail(index).former = former;
    flows_.at(index).disputed = disputed;
    if (carried) note_carried(index);
  }
  Flow& flow = flows_.at(index);
  ++flow.packets;
  flow.bytes += context.packet.length;
  flows_.touch(index, context.now);
  // Until one of its packets passes each has an entry of its own.
  if (!flow.carried || opened) learn_entry(context, index);
  const bool whole = context.queued.bytes.size() >= context.packet.length;
  const ProgramKey asker = DnsListener::concerns(context.packet) ? program_of(index) : ProgramKey{};
  observer_.on_packet(flow, context.packet, context.queued.reply, whole, asker, context.now);

  // 5. Undecided: it waits with the others of its flow.
  if (pending_.waits(index)) return hold(context, index);
  const Cause cause = why_again(context, flow);
  if (flow.state != FlowState::pending && cause == Cause::none) {
    // 6. A late packet of what has ended passes or not as it would have; the kernel shall not carry it.
    if (flow.state == FlowState::ended) {
      return give(context.held(), flow, flow.verdict, Reason::cached, context.effects);
    }
    // 7. Decided for good, but not (yet) in the kernel's hands: a retransmission of a refused first
    //    packet, or a second packet that was on its way when the verdict was given.
    if (!is_temporary(flow.verdict)) {
      answer(context, index, Reason::cached);
      return follow_tcp(context, index);
    }
  }
  // 8. Decide; every packet of a flow with a temporary verdict is asked again.
  decide_flow(context, index, cause);
  follow_tcp(context, index);
}

FlowIndex Engine::open_for(const Context& context, const FlowKey& key) {
  const FlowIndex index = open_flow(context.tuple, key, context.direction, context.now, context.effects);
  Flow& flow = flows_.at(index);
  flow.interface = static_cast<std::uint16_t>(interfaces_.number(context.queued.interface));
  flow.tcp_sequence = context.packet.tcp_sequence;
  flow.picked_up = context.queued.reply ||
                   (context.packet.endpoints.protocol == Protocol::tcp && !opens_connection(context.packet));
  // A packet against the flow's direction says nothing about the socket that began it.
  flow.uid = known_or(context.queued.uid, kNoOwner);
  flow.gid = known_or(context.queued.gid, kNoOwner);
  ask_owner(index, context.queued.reply ? 0 : context.queued.arrival, std::nullopt, context.now,
            context.effects);
  changed(FlowChanged::Kind::opened, index, context.effects);
  return index;
}

void Engine::learn_entry(const Context& context, FlowIndex index) {
  const PacketQueued& queued = context.queued;
  if (queued.conntrack_id != 0) flows_.detail(index).entry = queued.conntrack_id;
  const bool nat = queued.conntrack && !(*queued.conntrack == flows_.at(index).tuple);
  if (nat && flows_.at(index).direction != Direction::outbound) originals_[index] = *queued.conntrack;
}

bool Engine::is_successor(const Context& context, const Flow& flow) const {
  if (flow.state == FlowState::pending) return false;
  if (opens_connection(context.packet)) {
    // The same SYN again is a retransmission; another sequence number is another connection
    // (RFC 9293 §3.4.1: initial sequence numbers of incarnations differ).
    return context.packet.tcp_sequence != flow.tcp_sequence || flow.state == FlowState::ended;
  }
  if (context.packet.endpoints.protocol == Protocol::tcp) return false;
  // UDP: the socket that had this tuple is gone, or it is somebody else's now. A late answer to it
  // opens nothing.
  if (flow.state == FlowState::ended) return !context.queued.reply;
  const std::uint32_t uid = known_or(context.queued.uid, kNoOwner);
  return uid != kNoOwner && flow.uid != kNoOwner && uid != flow.uid && !context.queued.reply &&
         flow.direction == Direction::outbound;
}

FlowIndex Engine::open_flow(const FiveTuple& tuple, const FlowKey& key, Direction direction, Time now,
                            Effects& effects) {
  const FlowIndex index =
      flows_.insert(key, tuple, direction, now, [&](FlowIndex victim, const Flow& flow, Removal why) {
        ++counters_.evicted;
        remove(flow, victim, why, effects);
      });
  ++counters_.opened;
  observer_.on_opened(flows_.at(index), now);
  return index;
}

// Why a flow that has a verdict is decided again, besides the verdict's being temporary.
Cause Engine::why_again(const Context& context, const Flow& flow) const {
  if (flow.state == FlowState::pending) return Cause::none;
  if (flow.due != Cause::none) return flow.due;
  if (flow.reason == Reason::killed) return Cause::none;
  if (is_stale(flow)) return why_stale(flow);
  const bool arrives = context.queued.hook == Hook::input &&
                       options_.arrival_interface == ArrivalInterface::reauthorize &&
                       !context.queued.interface.empty() && lets_pass(flow.verdict);
  const bool elsewhere = arrives && context.queued.interface != interface_name(flow.interface);
  return elsewhere && flow.state != FlowState::ended ? Cause::arrival : Cause::none;
}

// The helper's flow and the one whose helper expects this connection are one matter.
void Engine::learn_master(const Context& context, FlowIndex index) {
  if (options_.related != RelatedHandling::inherit || !context.queued.master) return;
  const FlowIndex place = flows_.find(FlowKey{*context.queued.master});
  if (place != kNoFlow && place != index) masters_[index] = flows_.ref(place);
}

// What its master has by now; nullopt where it has none any more, or none that could be handed down.
std::optional<Decided> Engine::inherited(FlowIndex index, Time now, Effects& effects) {
  const auto found = masters_.find(index);
  if (found == masters_.end()) return std::nullopt;
  const FlowIndex place = flows_.find(found->second);
  // A master was there before: nobody is, by whatever ways, his own.
  if (place == kNoFlow || flows_.at(place).id.value > flows_.at(index).id.value) return std::nullopt;
  if (is_stale(flows_.at(place))) reauthorize(place, why_stale(flows_.at(place)), now, effects);
  const Flow& master = flows_.at(place);
  if (master.state == FlowState::pending || is_reroute(master.verdict)) return std::nullopt;
  return Decided{master.verdict, Reason::related, master.stage, kNoRule};
}

void Engine::decide_flow(const Context& context, FlowIndex index, Cause cause) {
  Flow& flow = flows_.at(index);
  if (flow.state == FlowState::pending) learn_master(context, index);
  const bool by_itself = cause != Cause::none && !is_of_policy(cause);
  const bool heir = flow.state == FlowState::pending || (flow.reason == Reason::related && !by_itself);
  const auto handed_down = heir ? inherited(index, context.now, context.effects) : std::nullopt;
  if (cause == Cause::arrival) {
    flow.interface = static_cast<std::uint16_t>(interfaces_.number(context.queued.interface));
  }
  Evidence seen = evidence(index);
  // A verdict that stood in for one that did not come in time authorized nothing, nor does one that
  // depends on what is still to come.
  const bool stand_in = flow.reason == Reason::timed_out || flow.reason == Reason::overload ||
                        flow.reason == Reason::inspecting;
  const bool again = flow.state != FlowState::pending && !stand_in;
  seen.reauthorize = again && (cause != Cause::none || !is_temporary(flow.verdict));
  const Decision decision = handed_down ? Decision{*handed_down} : decide_again(seen, context.now);
  const Decided* decided = std::get_if<Decided>(&decision);
  // Only the first authorization can wait: in another one asking keeps the verdict, or blocks.
  if (decided == nullptr && !again) return hold(context, index);
  const Decided blocked{Verdict::block, Reason::asking, Stage::none, kNoRule};
  flow.question = decided == nullptr;
  if (decided == nullptr && options_.in_reauthorization == AskAgain::keep) {
    flow.due = Cause::none;
    flow.generation = generation_;
    return answer(context, index, flow.reason);
  }
  const Verdict old = flow.verdict;
  const bool known = flow.state != FlowState::pending && flow.carried;
  const bool looked_into = flow.state == FlowState::inspecting;
  const FlowMark held = kernel_mark(flow);
  const bool by_first_bytes = decided != nullptr && !handed_down && decided->stage == Stage::inspection;
  if (looked_into || (flow.state == FlowState::pending && by_first_bytes)) count_inspected(index, 1);
  settle(index, decided != nullptr ? *decided : blocked, cause, context.now, context.effects);
  const bool told = looked_into && flow.state != FlowState::inspecting;
  if (known && (cause != Cause::none || told)) return answer_again(context, index, old, held);
  answer(context, index, flow.reason);
}

// A packet brought the question: its verdict carries the mark, and the rest is done as well. `held`: the mark
// so far.
void Engine::answer_again(const Context& context, FlowIndex index, Verdict old, FlowMark held) {
  const std::size_t deletions = context.effects.deletions.size();
  // What the mark was before a packet came up is not known for sure: it is written in any case where
  // the packet does not do it.
  const Flow& flow = flows_.at(index);
  const FlowMark mark = kernel_mark(flow);
  const bool dropped = context.queued.hook == Hook::output && is_torn_down(flow, old);
  enforce(index, old, mark == FlowMark::undecided || dropped ? held : mark, context.now, context.effects);
  if (context.effects.deletions.size() != deletions) {
    return give_single(context.held(), Verdict::drop, flow.reason, context.effects);
  }
  // Were it refused its own socket would hear of it first, and be gone by the time that it is destroyed: the
  // other end would never know.
  if (dropped) {
    counters_.verdicts.add(flow.verdict);
    counters_.reasons.add(flow.reason);
    context.effects.verdicts.push_back({context.queued.id, PacketVerdict::Action::drop, FlowMark::undecided});
    return;
  }
  answer(context, index, flow.reason);
}

// The flow's verdict, for this packet.
void Engine::answer(const Context& context, FlowIndex index, Reason reason) {
  const Flow& flow = flows_.at(index);
  give(context.held(), flow, flow.verdict, reason, context.effects);
  if (!lets_pass(flow.verdict)) return;
  note_carried(index);
  open_window(flow, context.now);
}

void Engine::hold(const Context& context, FlowIndex index) {
  Flow& flow = flows_.at(index);
  switch (pending_.hold(index, context.held(), context.now)) {
    case Holding::held:
      if (flow.state != FlowState::ended) flow.state = FlowState::pending;
      return;
    case Holding::folded:
      return give_single(context.held(), Verdict::drop, Reason::folded, context.effects);
    case Holding::full:
      break;
  }
  if (!pending_.waits(index)) {  // nothing of it waits, so no answer would find it
    settle(index, {options_.on_overload, Reason::overload, Stage::none, kNoRule}, Cause::none, context.now,
           context.effects);
  }
  give_single(context.held(), options_.on_overload, Reason::overload, context.effects);
}

// The end of a connection that still comes up. What the kernel carries ends by its own events.
void Engine::follow_tcp(const Context& context, FlowIndex index) {
  const Flow& flow = flows_.at(index);
  if (context.packet.endpoints.protocol != Protocol::tcp || flow.state == FlowState::ended) return;
  if (flow.state == FlowState::pending) return;
  if (!lets_pass(flow.verdict)) return;  // nobody sees its flags
  if ((context.packet.tcp_flags & tcp_flag::fin) != 0) {
    const bool along = context.packet.endpoints.source == flow.tuple.source_address() &&
                       context.packet.endpoints.source_port == flow.tuple.source_port;
    note_fin(flows_.at(index), along);
  }
  if ((context.packet.tcp_flags & tcp_flag::rst) == 0 && flow.closing != 3) return;
  end(index, context.now, context.effects);
}

}  // namespace tollgate
