// SPDX-License-Identifier: GPL-2.0-or-later
#include "flow_follower.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <string>
#include <utility>
#include <vector>

namespace tollgate {
namespace {

// Taken before anything else gets its turn.
constexpr unsigned kEventBudget = 256;
constexpr unsigned kSegmentBudget = 4;  // datagrams, some 80 segments each
constexpr std::size_t kProbesATurn = 256;

SocketGone socket_gone(const SocketEntry& socket) {
  SocketGone gone;
  gone.protocol = socket.tuple.protocol;
  gone.local = socket.tuple.source_address();
  gone.local_port = socket.tuple.source_port;
  gone.remote = socket.tuple.destination_address();
  gone.remote_port = socket.tuple.destination_port;
  gone.cookie = socket.cookie;
  return gone;
}

// Of a socket that hears whoever comes: AuthorizedSocket of the table, SocketAuthorized of the effects.
template <class Socket>
SocketGone end_of(const Socket& socket) {
  SocketGone gone;
  gone.protocol = socket.protocol;
  gone.local = socket.address;
  gone.local_port = socket.port;
  return gone;
}

}  // namespace

FlowFollower::FlowFollower(boost::asio::io_context& loop, const Config& config, const Parts& parts, Turn turn)
    : loop_{loop},
      parts_{parts},
      turn_{std::move(turn)},
      judge_{config, parts.interfaces},
      table_{loop, {parts.clock, judge_, parts.sockets, parts.log, config.mark_mask}, turn_},
      conntrack_bell_{loop, parts.conntrack_events.fd(), kRest, [this] { return take_conntrack_events(); }},
      socket_bell_{loop, parts.socket_events.fd(), kSocketRest, [this] { return take_socket_events(); }},
      load_timer_{loop} {
  if (parts_.segments != nullptr) {
    segment_bell_.emplace(loop, parts_.segments->fd(), kRest, [this] { return take_segments(); });
  }
}

void FlowFollower::start() {
  conntrack_bell_.start();
  socket_bell_.start();
  if (segment_bell_) segment_bell_->start();
  look_at_load();
}

void FlowFollower::overrun(const char* key, const char* what) {
  parts_.log.trouble(key, LogLevel::warning, std::string{what} + " overran: conntrack's table is read anew",
                     parts_.clock.now());
  table_.read();
}

Doorbell::Left FlowFollower::take_conntrack_events() {
  NetlinkBatch::Drained received;
  turn_([&](const Deliver& deliver) {
    received = parts_.conntrack_events.receive(kEventBudget, [&](ConntrackChanged change) {
      ++counters_.conntrack_events;
      if (change.kind != ConntrackChanged::Kind::destroyed) {
        change.entry.direction = judge_.direction(change.entry);
      }
      deliver(change);
    });
  });
  if (received.overrun) {
    ++counters_.conntrack_overruns;
    overrun("conntrack-enobufs", "conntrack's event socket");
  }
  return received.more ? Doorbell::Left::more : Doorbell::Left::nothing;
}

Doorbell::Left FlowFollower::take_socket_events() {
  NetlinkBatch::Drained received;
  turn_([&](const Deliver& deliver) {
    received = parts_.socket_events.receive(kEventBudget,
                                            [&](const SocketEntry& socket) { on_gone(socket, deliver); });
  });
  if (received.overrun) {
    ++counters_.socket_overruns;
    overrun("socket-enobufs", "the socket that tells of closed sockets");
    look_for_authorized_sockets();
  }
  return received.more ? Doorbell::Left::more : Doorbell::Left::nothing;
}

Doorbell::Left FlowFollower::take_segments() {
  NetlinkBatch::Drained received;
  turn_([&](const Deliver& deliver) {
    received = parts_.segments->receive(kSegmentBudget, [&](const TcpClosing& seen) { deliver(seen); });
  });
  // Whose end is lost is listed a while longer: until its entry is gone.
  if (received.overrun) ++counters_.segment_overruns;
  return received.more ? Doorbell::Left::more : Doorbell::Left::nothing;
}

// Another socket may have the local end: the next one by now, or one that shared it (SO_REUSEPORT). What was
// this one's is not theirs: their flows are asked about once more.
void FlowFollower::on_gone(const SocketEntry& socket, const Deliver& deliver) {
  ++counters_.socket_events;
  deliver(socket_gone(socket));
}

// Nobody may inherit what a socket was allowed whose end was not heard. Flows end with their entries.
void FlowFollower::look_for_authorized_sockets() {
  std::vector<SocketGone> ends;
  for (const AuthorizedSocket& socket : parts_.engine.authorized_sockets()) ends.push_back(end_of(socket));
  withdraw_what_is_gone(std::move(ends));
}

void FlowFollower::withdraw_what_is_gone(std::vector<SocketGone> ends) {
  std::erase_if(ends, [&](const SocketGone& end) {
    FiveTuple tuple;
    tuple.protocol = end.protocol;
    tuple.family = end.local.family();
    tuple.source = end.local.bytes();
    tuple.source_port = end.local_port;
    return parts_.sockets.find(tuple).has_value();
  });
  if (ends.empty()) return;
  turn_([&](const Deliver& deliver) {
    for (const SocketGone& end : ends) deliver(end);
  });
}

// The packet was for a port that nobody has, or the socket has closed since: no end will be heard.
void FlowFollower::look_at_new_authorizations(const Effects& effects) {
  std::vector<SocketGone> ends;
  for (const SocketAuthorized& socket : effects.sockets) {
    if (socket.authorized) ends.push_back(end_of(socket));
  }
  if (ends.empty()) return;
  boost::asio::post(loop_,
                    [this, ends = std::move(ends)]() mutable { withdraw_what_is_gone(std::move(ends)); });
}

void FlowFollower::carry_out(const Effects& effects) {
  // The reset that tells the other end has to get out: before the marks, but not without any.
  if (!effects.openings.empty())
    counters_.marks.failed += parts_.conntrack.set_marks(effects.openings).failed;
  for (const TearDown& flow : effects.tear_downs) tear_down(flow);
  if (!effects.marks.empty()) {
    const MarkCounts set = parts_.conntrack.set_marks(effects.marks);
    counters_.marks.done += set.done;
    counters_.marks.gone += set.gone;
    counters_.marks.failed += set.failed;
  }
  if (!effects.probes.empty()) {
    if (probes_.empty()) boost::asio::post(loop_, [this] { answer_probes(); });
    probes_.insert(probes_.end(), effects.probes.begin(), effects.probes.end());
  }
  if (!effects.sockets.empty()) look_at_new_authorizations(effects);
  if (effects.read_table) table_.read();
}

void FlowFollower::tear_down(const TearDown& flow) {
  // What this kernel cannot do is done by the rules: the next packet of either end meets a reset.
  if (!can_tear_down() || flow.direction == Direction::forward) return;
  const bool inbound = flow.direction == Direction::inbound;
  const FiveTuple local = inbound ? flow.tuple.reversed() : flow.tuple;
  auto done = parts_.sockets.destroy(local, flow.socket);
  // Over loopback both ends are here; the reset of one is dropped by nobody, but a mark may come first.
  if (parts_.interfaces.is_local(local.destination_address())) parts_.sockets.destroy(local.reversed());
  switch (done) {
    case SocketDiag::Destroyed::done:
      ++counters_.torn_down;
      return;
    case SocketDiag::Destroyed::gone:
      ++counters_.tear_down_gone;
      return;
    case SocketDiag::Destroyed::failed:
      ++counters_.tear_down_failed;
      return;
  }
}

void FlowFollower::answer_probes() {
  std::vector<ProbeFlow> asked;
  while (!probes_.empty() && asked.size() < kProbesATurn) {
    asked.push_back(probes_.front());
    probes_.pop_front();
  }
  std::vector<FiveTuple> tuples;
  for (const ProbeFlow& probe : asked) tuples.push_back(probe.tuple);
  if (!probes_.empty()) boost::asio::post(loop_, [this] { answer_probes(); });
  turn_([&](const Deliver& deliver) {
    parts_.conntrack.ask(tuples,
                         [&](std::size_t index, Conntrack::Answer answer, const ConntrackEntry& found) {
                           ++counters_.probes;
                           switch (answer) {
                             case Conntrack::Answer::found: {
                               ConntrackEntry entry = found;
                               entry.direction = judge_.direction(entry);
                               return deliver(FlowProbed{asked[index].flow, entry});
                             }
                             case Conntrack::Answer::gone:
                               return deliver(FlowProbed{asked[index].flow, std::nullopt});
                             case Conntrack::Answer::failed:
                               ++counters_.probe_errors;
                               return;
                           }
                         });
  });
}

void FlowFollower::follow_sockets(std::span<const SocketInRules> authorized) {
  const bool any = !authorized.empty();
  const bool tcp = std::ranges::any_of(
      authorized, [](const SocketInRules& socket) { return socket.protocol == Protocol::tcp; });
  if (any != std::exchange(tells_new_, any)) parts_.conntrack_events.tell_new(any);
  if (tcp != std::exchange(tells_tcp_, tcp)) parts_.socket_events.tell_tcp(tcp);
}

void FlowFollower::look_at_load() {
  if (const auto load = parts_.conntrack.load()) {
    const Time now = parts_.clock.now();
    if (load->limit > 0 && load->entries >= std::uint64_t{load->limit} * kFull / 100) {
      parts_.log.trouble("conntrack-full", LogLevel::warning,
                         "conntrack's table is nearly full: " + std::to_string(load->entries) + " of " +
                             std::to_string(load->limit) + " entries (net.netfilter.nf_conntrack_max)",
                         now);
    }
    const std::uint64_t before = std::exchange(dropped_, load->dropped);
    if (load_known_ && load->dropped > before) {
      parts_.log.trouble("conntrack-dropped", LogLevel::error,
                         "conntrack had no room for new connections: " +
                             std::to_string(load->dropped - before) + " packets were dropped",
                         now);
    }
    load_known_ = true;
  }
  load_timer_.expires_after(kLoadInterval);
  load_timer_.async_wait([this](boost::system::error_code error) {
    if (!error) look_at_load();
  });
}

FollowerCounters FlowFollower::counters() const {
  FollowerCounters counters = counters_;
  counters.table_readings = table_.readings();
  counters.table_failures = table_.failures();
  return counters;
}

}  // namespace tollgate
