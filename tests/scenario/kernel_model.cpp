// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel_model.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace tollgate::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPorts[] = {25, 53, 80, 443, 9999};

}  // namespace

std::string KernelModel::local_key(Protocol protocol, Direction direction, const IpAddress& address,
                                   std::uint16_t port) {
  return to_string(protocol) + std::string{to_string(direction)} + address.to_string() + "#" +
         std::to_string(port);
}

KernelModel::KernelModel(std::uint32_t seed, const KernelTraits& traits, const EngineOptions& options,
                         std::vector<PolicyPointer> policies, Engine::Decide decide)
    : random_{seed},
      traits_{traits},
      policies_{std::move(policies)},
      checker_{options, policies_.front(), std::move(decide)} {}

void KernelModel::run(std::uint64_t steps) {
  for (std::uint64_t i = 0; i < steps; ++i) {
    now_ += std::chrono::milliseconds{pick(100)};
    if (pick(2000) == 0) {
      deliver_sockets(0s);
      deliver_segments(0s);
      now_ += 3min;
    }
    const auto next = checker_.engine().next_deadline();
    if (next && *next <= now_ && pick(10) != 0) tell(TimePassed{});
    step();
    deliver();
  }
}

void KernelModel::step() {
  switch (pick(32)) {
    case 0:
      return pick(20) == 0
                 ? tell(PolicyReplaced{policies_[pick(static_cast<std::uint32_t>(policies_.size()))]})
                 : void();
    case 1:
      return by_hand();
    case 2:
    case 3:
      return socket_closes();
    case 4:
      return entry_expires();
    case 5:
    case 6:
    case 7:
    case 8:
      return tcp_goes_on();
    case 9:
    case 10:
      return stranger_speaks();
    case 11:
    case 12:
    case 13:
    case 14:
    case 15:
      return program_opens();
    case 16: {
      const std::uint64_t id = 1 + pick(static_cast<std::uint32_t>(checker_.engine().counters().opened) + 1);
      return tell(AnswerGiven{FlowId{id}, static_cast<Verdict>(pick(kVerdictCount))});
    }
    case 17:
      return traits_.loses && pick(50) == 0 ? read_table() : void();
    default:
      return program_speaks();
  }
}

FiveTuple KernelModel::peer_tuple(Protocol protocol, std::uint16_t local_port, bool inbound) {
  const bool six = pick(5) == 0;
  Endpoints ends;
  ends.protocol = protocol;
  const IpAddress local = IpAddress::parse(six ? "2001:db8::1" : "10.0.0.1").value();
  const auto last = std::to_string(2 + pick(12));
  const IpAddress peer = IpAddress::parse((six ? "2001:db8::" : "10.0.0.") + last).value();
  const std::uint16_t port = kPorts[pick(5)];
  ends.source = inbound ? peer : local;
  ends.destination = inbound ? local : peer;
  ends.source_port = inbound ? port : local_port;
  ends.destination_port = inbound ? local_port : port;
  return FiveTuple::of(ends);
}

void KernelModel::program_opens() {
  Socket socket;
  socket.cookie = ++last_cookie_;
  socket.protocol = pick(2) == 0 ? Protocol::tcp : Protocol::udp;
  socket.port = static_cast<std::uint16_t>(2000 + pick(40));
  for (const auto& [cookie, other] : sockets_) {
    if (other.protocol == socket.protocol && other.port == socket.port) return;
  }
  if (socket.protocol == Protocol::tcp) socket.flow = peer_tuple(Protocol::tcp, socket.port, false);
  sockets_[socket.cookie] = socket;
  if (socket.flow) send(*socket.flow, Direction::outbound, false, tcp_flag::syn);
}

void KernelModel::program_speaks() {
  if (sockets_.empty()) return;
  const Socket& socket = any(sockets_)->second;
  if (socket.flow) {
    const bool inbound = socket.flow->destination_port == socket.port;
    const bool reply = pick(2) == 0;
    return send(*socket.flow, inbound ? Direction::inbound : Direction::outbound, reply,
                pick(6) == 0 && !find(*socket.flow) ? tcp_flag::syn : tcp_flag::ack);
  }
  const FiveTuple tuple = peer_tuple(Protocol::udp, socket.port, false);
  // Whoever answers belongs to the flow that asked.
  if (Entry* const entry = find(tuple.reversed())) {
    return send(entry->tuple, entry->direction, entry->tuple.source_port != socket.port, 0);
  }
  send(tuple, Direction::outbound, pick(3) == 0 && find(tuple) != nullptr, 0);
}

void KernelModel::stranger_speaks() {
  const bool tcp = pick(2) == 0;
  const auto port = static_cast<std::uint16_t>(2000 + pick(40));
  const FiveTuple tuple = peer_tuple(tcp ? Protocol::tcp : Protocol::udp, port, true);
  if (find(tuple) || find(tuple.reversed())) return;
  if (tcp) {
    // Accepted by a listening socket: the connection gets one of its own.
    Socket socket;
    socket.cookie = ++last_cookie_;
    socket.protocol = Protocol::tcp;
    socket.port = port;
    socket.flow = tuple;
    for (const auto& [cookie, other] : sockets_) {
      if (other.protocol == Protocol::tcp && other.port == port) return;
    }
    sockets_[socket.cookie] = socket;
  }
  send(tuple, Direction::inbound, false, tcp ? tcp_flag::syn : std::uint8_t{0});
}

void KernelModel::socket_closes() {
  if (!sockets_.empty()) close_socket(any(sockets_));
}

void KernelModel::close_socket(std::map<std::uint64_t, Socket>::iterator at) {
  const Socket socket = at->second;
  sockets_.erase(at);
  SocketGone gone;
  gone.protocol = socket.protocol;
  gone.local_port = socket.port;
  gone.cookie = pick(2) == 0 ? socket.cookie : 0;
  if (socket.flow) {
    const bool inbound = socket.flow->destination_port == socket.port;
    gone.local = inbound ? socket.flow->destination_address() : socket.flow->source_address();
    gone.remote = inbound ? socket.flow->source_address() : socket.flow->destination_address();
    gone.remote_port = inbound ? socket.flow->source_port : socket.flow->destination_port;
    if (Entry* const entry = find(*socket.flow)) {
      entry->tcp = TcpState::close;
      tell_end(*entry, pick(2) == 0 ? entry->tuple : entry->tuple.reversed(), true);
    }
  } else {
    gone.local = IpAddress::parse("::").value();
  }
  socket_events_.emplace_back(now_, gone);
}

void KernelModel::tcp_goes_on() {
  if (table_.empty()) return;
  Entry& entry = any(table_)->second;
  if (!is_tcp(entry.tuple) || is_over(entry.tcp)) return;
  switch (entry.tcp) {
    case TcpState::syn_sent:
      entry.tcp = TcpState::established;
      break;
    case TcpState::established:
      if (pick(4) != 0) return;
      entry.tcp = TcpState::fin_wait;
      return tell_end(entry, entry.tuple, false);
    default:
      entry.tcp = TcpState::time_wait;
      return tell_end(entry, entry.tuple.reversed(), false);
  }
  changed(ConntrackChanged::Kind::updated, entry);
}

// By the segment's copy, where it has the mark for that, or as conntrack's news.
void KernelModel::tell_end(const Entry& entry, const FiveTuple& travels, bool reset) {
  if (!traits_.segments || entry.mark != FlowMark::accept)
    return changed(ConntrackChanged::Kind::updated, entry);
  segments_.emplace_back(now_, TcpClosing{travels, reset});
}

void KernelModel::entry_expires() {
  if (table_.empty()) return;
  const Entry& entry = any(table_)->second;
  const bool over = is_tcp(entry.tuple) && is_over(entry.tcp);
  if (over || entry.expires <= now_) destroy(entry.tuple);
}

void KernelModel::by_hand() {
  std::vector<FlowRef> flows;
  const FlowTable& known = checker_.engine().flows();
  known.for_each([&](FlowIndex index, const Flow&) {
    if (pick(40) == 0) flows.push_back(known.ref(index));
  });
  if (pick(30) == 0) return tell(FlowsKilled{flows});
  tell(FlowsRevoked{flows});
}

// A packet comes to the rules.
void KernelModel::send(const FiveTuple& flow, Direction direction, bool reply, std::uint8_t flags) {
  Entry* entry = find(flow);
  if (flags == tcp_flag::syn && entry != nullptr) {
    if (!is_over(entry->tcp)) return;
    destroy(flow);  // nf_conntrack_tcp: the tuple begins anew
    entry = nullptr;
  }
  if (entry == nullptr && reply) return;
  if (entry == nullptr && is_tcp(flow) && flags != tcp_flag::syn) return;
  if (entry != nullptr) {
    ++entry->packets;
    entry->expires = now_ + 30s;
    if (entry->mark == FlowMark::accept || entry->mark == FlowMark::nameserver) {
      ++counts_.carried;
      return;
    }
    if (!asks_daemon(entry->mark)) return;  // refused in the kernel
  }
  Queued packet;
  packet.id = {static_cast<std::uint16_t>(reply ? 2 : 0), ++last_packet_};
  packet.flow = flow;
  packet.direction = direction;
  packet.reply = reply;
  packet.entry = entry != nullptr ? entry->id : ++last_entry_;
  packet.flags = flags;
  // A program that tries again sends the same segment.
  if (flags == tcp_flag::syn) {
    packet.sequence = sequence_of(flow);
  } else if (pick(3) == 0) {
    // The beginning of its stream, whatever it said before.
    packet.sequence = sequence_of(flow) + 1;
    packet.says = static_cast<std::uint8_t>(1 + pick(5));
  }
  if (entry == nullptr && authorized(flow, direction)) return confirm(packet, FlowMark::accept);
  if (packets_.size() + waiting_.size() < 200) packets_.push_back(packet);
}

bool KernelModel::authorized(const FiveTuple& flow, Direction direction) const {
  const bool inbound = direction == Direction::inbound;
  return authorized_.contains(local_key(flow.protocol, direction,
                                        inbound ? flow.destination_address() : flow.source_address(),
                                        inbound ? flow.destination_port : flow.source_port));
}

std::uint32_t KernelModel::sequence_of(const FiveTuple& flow) const {
  for (const auto& [cookie, socket] : sockets_) {
    if (socket.flow && *socket.flow == flow) return static_cast<std::uint32_t>(cookie);
  }
  return 0;
}

bool KernelModel::has_socket(const FiveTuple& flow) const {
  return std::ranges::any_of(sockets_, [&](const auto& socket) {
    return socket.second.flow && (*socket.second.flow == flow || *socket.second.flow == flow.reversed());
  });
}

KernelModel::Entry* KernelModel::find(const FiveTuple& tuple) {
  if (const auto at = table_.find(tuple.to_string()); at != table_.end()) return &at->second;
  const auto at = table_.find(tuple.reversed().to_string());
  return at == table_.end() ? nullptr : &at->second;
}

// The packet goes on its way: its entry is there from now on.
void KernelModel::confirm(const Queued& packet, FlowMark mark) {
  Entry* entry = find(packet.flow);
  if (entry == nullptr) {
    Entry fresh;
    fresh.id = packet.entry;
    fresh.tuple = packet.flow;
    fresh.direction = packet.direction;
    fresh.packets = 1;
    fresh.expires = now_ + 30s;
    // Where nobody said anything else conntrack takes what it sees for established.
    if (packet.flags != tcp_flag::syn) fresh.tcp = TcpState::established;
    // Its socket is gone meanwhile: whoever answers it is reset.
    if (is_tcp(packet.flow) && !has_socket(packet.flow)) fresh.tcp = TcpState::close;
    entry = &(table_[packet.flow.to_string()] = fresh);
    if (mark != FlowMark::undecided) entry->mark = mark;
    if (traits_.starts) changed(ConntrackChanged::Kind::started, *entry);
    return;
  }
  if (entry->id != packet.entry) return;  // a clash: the second of two first packets is lost
  if (mark != FlowMark::undecided) entry->mark = mark;
}

void KernelModel::destroy(const FiveTuple& tuple) {
  Entry* const entry = find(tuple);
  if (entry == nullptr) return;
  changed(ConntrackChanged::Kind::destroyed, *entry);
  table_.erase(entry->tuple.to_string());
}

ConntrackEntry KernelModel::told(const Entry& entry) const {
  ConntrackEntry said;
  said.id = entry.id;
  said.original = entry.tuple;
  said.reply = entry.tuple.reversed();
  said.direction = entry.direction;
  if (is_tcp(entry.tuple)) said.tcp = entry.tcp;
  said.mark = entry.mark;
  if (traits_.accounting) said.packets = entry.packets;
  said.expires_in = entry.expires - now_;
  return said;
}

void KernelModel::changed(ConntrackChanged::Kind kind, const Entry& entry) {
  if (traits_.loses && events_.size() >= traits_.events) {
    lost_ = true;
    return;
  }
  events_.push_back(ConntrackChanged{kind, told(entry)});
}

}  // namespace tollgate::test
