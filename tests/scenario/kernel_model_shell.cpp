// SPDX-License-Identifier: GPL-2.0-or-later
// The modelled kernel's sockets and the shell between them and the engine: what comes late, is lost, is read
// again and is carried out.
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "client_hello.hpp"
#include "kernel_model.hpp"

namespace tollgate::test {

using namespace std::chrono_literals;

Bytes KernelModel::what(std::uint8_t says) {
  switch (says) {
    case 1:
      return HelloBuilder{}.server_name("a.example").records();
    case 2:
      return HelloBuilder{}.server_name("b.example").records();
    case 3: {
      Bytes half = HelloBuilder{}.server_name("b.example").records();
      half.resize(half.size() / 2);
      return half;
    }
    case 4:
      return bytes_of("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    case 5:
      return bytes_of("\x01\x02\x03");
    default:
      return {};
  }
}

// Something of what is on its way arrives.
void KernelModel::deliver() {
  if (pick(3) != 0 && !packets_.empty()) deliver_packet();
  if (pick(4) == 0) {
    // Conntrack's events rest while its table is read.
    while (!events_.empty() && !reading_ && pick(16) != 0) deliver_event();
  }
  deliver_sockets(pick(4) == 0 ? 0s : 500ms);
  deliver_segments(pick(4) == 0 ? 0s : 500ms);
  if (pick(2) == 0 && !questions_.empty()) {
    if (traits_.loses && pick(20) == 0) {
      questions_.pop_front();
    } else {
      answer_question();
    }
  }
  if (lost_ && !reading_ && events_.empty()) {
    lost_ = false;
    ++counts_.overruns;
    read_table();
  }
  if (reading_ && pick(3) == 0) read_on(1 + pick(8));
}

void KernelModel::deliver_packet() {
  const Queued packet = packets_.front();
  packets_.pop_front();
  const FiveTuple travels = packet.reply ? packet.flow.reversed() : packet.flow;
  PacketBuilder builder{travels.source_address().to_string(), travels.destination_address().to_string()};
  if (is_tcp(travels)) {
    builder.tcp(travels.source_port, travels.destination_port, packet.flags, packet.sequence);
  } else {
    builder.udp(travels.source_port, travels.destination_port);
  }
  const Bytes bytes = builder.payload(what(packet.says)).build();
  PacketQueued queued;
  queued.id = packet.id;
  const bool leaves = (packet.direction == Direction::outbound) != packet.reply;
  queued.hook = leaves ? Hook::output : Hook::input;
  queued.reply = packet.reply;
  queued.bytes = bytes;
  queued.wire_length = bytes.size();
  queued.interface = "eth0";
  if (traits_.tells_ids) {
    queued.conntrack = packet.flow;
    queued.conntrack_id = packet.entry;
    const Entry* const entry = find(packet.flow);
    queued.established = entry != nullptr && entry->id == packet.entry;
  }
  waiting_[{packet.id.queue, packet.id.id}] = packet;
  tell(queued);
}

// The shell asks when it comes to it, and hears what is then.
void KernelModel::answer_question() {
  const ProbeFlow question = questions_.front();
  questions_.pop_front();
  const Entry* entry = find(question.tuple);
  if (entry != nullptr && entry->expires <= now_) {
    destroy(entry->tuple);
    entry = nullptr;
  }
  tell(FlowProbed{question.flow, entry ? std::optional{told(*entry)} : std::nullopt});
}

// Every turn of a loop reads every socket: what came first is never much later than what came after it.
void KernelModel::deliver_sockets(Duration late) {
  while (!socket_events_.empty() && socket_events_.front().first + late <= now_) {
    const SocketGone gone = socket_events_.front().second;
    socket_events_.pop_front();
    tell(gone);
  }
}

void KernelModel::deliver_segments(Duration late) {
  while (!segments_.empty() && segments_.front().first + late <= now_) {
    const TcpClosing seen = segments_.front().second;
    segments_.pop_front();
    tell(seen);
  }
}

void KernelModel::deliver_event() {
  const Event event = events_.front();
  events_.pop_front();
  tell(event);
}

void KernelModel::read_table() {
  reading_.emplace();
  for (const auto& [key, entry] : table_) reading_->push_back(entry);
  ++counts_.readings;
  tell(ResyncBegan{});
}

void KernelModel::read_on(std::size_t entries) {
  for (; entries > 0 && !reading_->empty(); --entries) {
    // What has gone since is not in the table any more; the rest is as it is now.
    const Entry* const entry = find(reading_->front().tuple);
    const bool there = entry != nullptr && entry->id == reading_->front().id;
    const ConntrackEntry said = there ? told(*entry) : ConntrackEntry{};
    reading_->pop_front();
    if (there) tell(ConntrackSeen{said, {}, {}});
  }
  if (!reading_->empty()) return;
  reading_.reset();
  tell(ResyncEnded{});
}

void KernelModel::tell(const Event& event) {
  ++counts_.events;
  const Effects effects = checker_.handle(event, now_);
  carry_out(effects);
}

void KernelModel::carry_out(const Effects& effects) {
  for (const PacketVerdict& verdict : effects.verdicts) {
    const auto at = waiting_.find({verdict.packet.queue, verdict.packet.id});
    const Queued packet = at->second;
    waiting_.erase(at);
    Entry* const entry = find(packet.flow);
    const bool there = entry != nullptr && entry->id == packet.entry;
    if (verdict.action == PacketVerdict::Action::pass) {
      confirm(packet, verdict.mark);
    } else if (there && verdict.mark != FlowMark::undecided) {
      entry->mark = verdict.mark;
    }
  }
  for (const SetMark& mark : effects.openings) {
    if (Entry* const entry = find(mark.tuple)) entry->mark = mark.mark;
  }
  for (const TearDown& down : effects.tear_downs) {
    ++counts_.torn;
    // The reset would be a packet to be asked about.
    const Entry* const entry = find(down.tuple);
    if (entry != nullptr && asks_daemon(entry->mark))
      throw std::logic_error{"a reset that does not get out: " + down.tuple.to_string()};
    for (auto at = sockets_.begin(); at != sockets_.end(); ++at) {
      if (!at->second.flow || !(*at->second.flow == down.tuple)) continue;
      close_socket(at);
      break;
    }
  }
  for (const SetMark& mark : effects.marks) {
    if (Entry* const entry = find(mark.tuple)) entry->mark = mark.mark;
  }
  for (const DeleteEntry& gone : effects.deletions) destroy(gone.tuple);
  for (const SocketAuthorized& socket : effects.sockets) {
    const std::string key = local_key(socket.protocol, socket.direction, socket.address, socket.port);
    if (!socket.authorized) {
      authorized_.erase(key);
      continue;
    }
    authorized_.insert(key);
    ++counts_.authorized;
  }
  questions_.insert(questions_.end(), effects.probes.begin(), effects.probes.end());
  if (effects.read_table && !reading_) read_table();
}

// What was on its way is not any more, nor what came of it.
void KernelModel::arrive() {
  for (int round = 0; round < 50; ++round) {
    while (reading_) read_on(1000);
    while (!packets_.empty()) deliver_packet();
    while (!events_.empty()) deliver_event();
    deliver_sockets(0s);
    deliver_segments(0s);
    while (!questions_.empty()) answer_question();
    tell(Stopping{});
    tell(TimePassed{});
    if (!reading_ && packets_.empty() && events_.empty() && socket_events_.empty() && questions_.empty())
      return;
  }
  throw std::logic_error{"there is no end to it"};
}

void KernelModel::settle() {
  arrive();
  const bool whole = !traits_.loses && traits_.starts && traits_.accounting && traits_.tells_ids;
  if (whole) compare(false);
  // Twice: what the first reading found was perhaps not true any more at its end.
  for (int reading = 0; reading < 2; ++reading) {
    read_table();
    arrive();
  }
  lost_ = false;
  compare(true);
}

// Before a reading idle flows may be forgotten; after it nothing is.
void KernelModel::compare(bool read) {
  const Engine& engine = checker_.engine();
  const auto require = [&](bool truth, const FiveTuple& tuple, const std::string& what) {
    if (!truth) throw std::logic_error{tuple.to_string() + ": " + what};
  };
  for (const auto& [key, entry] : table_) {
    if (is_tcp(entry.tuple) && is_over(entry.tcp)) continue;
    ++counts_.compared;
    const FlowIndex index = engine.flows().find(FlowKey{entry.tuple});
    const bool held = !asks_daemon(entry.mark);  // its next packet tells of the others
    if (index == kNoFlow) {
      require(!read || !held, entry.tuple, "carried, and nobody knows it");
      continue;
    }
    const Flow& flow = engine.flows().at(index);
    if (flow.state == FlowState::ended) {
      // Its socket is gone, and its entry lasts for a while; of TCP that is over as well.
      require(!held && !is_tcp(entry.tuple), entry.tuple, "ended, and conntrack has it");
      continue;
    }
    require(!read || flow.carried, entry.tuple, "has an entry that is not known of");
    // An event that tells of a flow may be older than the mark that it tells.
    const bool sure = read || !flow.adopted;
    require(!sure || entry.mark == engine.kernel_mark(flow), entry.tuple, "has another mark than verdict");
  }
  engine.flows().for_each([&](FlowIndex, const Flow& flow) {
    const bool lives = flow.state == FlowState::active || flow.state == FlowState::inspecting;
    if (!lives || !flow.carried) return;
    require(find(flow.tuple) != nullptr, flow.tuple, "active, and has no entry");
  });
}

}  // namespace tollgate::test
