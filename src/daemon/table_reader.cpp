// SPDX-License-Identifier: GPL-2.0-or-later
#include "table_reader.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace tollgate {
namespace {

// What the rules let live always, asked or not (docs/ruleset.md): a DHCP client. Neighbour discovery
// and the like have no entries.
bool lives_always(const ConntrackEntry& entry) {
  const FiveTuple& tuple = entry.original;
  if (tuple.protocol != Protocol::udp) return false;
  const auto between = [&](std::uint16_t client, std::uint16_t server) {
    return (tuple.source_port == client && tuple.destination_port == server) ||
           (tuple.source_port == server && tuple.destination_port == client);
  };
  return tuple.family == Family::ipv4 ? between(68, 67) : between(546, 547);
}

// The flow's tuple seen from its local socket; nullopt when it has none here.
std::optional<FiveTuple> local_end_first(const ConntrackEntry& entry) {
  switch (entry.direction) {
    case Direction::outbound:
      return entry.original;
    case Direction::inbound:
      return entry.reply;
    case Direction::forward:
    case Direction::count_:
      break;
  }
  return std::nullopt;
}

}  // namespace

EntryJudge::EntryJudge(const Config& config, const Interfaces& interfaces)
    : forward_{config.forward},
      loopback_{config.loopback == LoopbackHandling::decide},
      interfaces_{interfaces} {}

Direction EntryJudge::direction(const ConntrackEntry& entry) const {
  if (interfaces_.is_local(entry.original.source_address())) return Direction::outbound;
  // Behind destination NAT: who answers.
  return interfaces_.is_local(entry.reply.source_address()) ? Direction::inbound : Direction::forward;
}

bool EntryJudge::concerns_us(const ConntrackEntry& entry) const {
  if (entry.mark && *entry.mark != FlowMark::undecided) return true;
  if (entry.direction == Direction::forward && !forward_) return false;
  const bool to_itself =
      entry.direction == Direction::outbound && interfaces_.is_local(entry.reply.source_address());
  return (loopback_ || !to_itself) && !lives_always(entry);
}

TableReader::TableReader(boost::asio::io_context& loop, const Parts& parts, Turn turn)
    : loop_{loop}, parts_{parts}, turn_{std::move(turn)}, pause_{loop} {}

void TableReader::read_at_start(std::function<void(bool whole)> done) {
  done_ = std::move(done);
  at_start_ = true;
  begin();
}

void TableReader::read() {
  if (waiting_) return;
  if (reading()) {
    again_ = true;
    return;
  }
  if (begun_ && std::chrono::steady_clock::now() - *begun_ < kPause) return begin_later();
  begin();
}

void TableReader::begin_later() {
  waiting_ = true;
  pause_.expires_at(begun_.value_or(std::chrono::steady_clock::now()) + kPause);
  pause_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    waiting_ = false;
    begin();
  });
}

void TableReader::begin() {
  begun_ = std::chrono::steady_clock::now();
  again_ = false;
  Result<ConntrackDump, std::string> dump = ConntrackDump::open(parts_.mark_mask);
  if (!dump) {
    parts_.log.trouble("conntrack-table", LogLevel::warning, dump.error(), parts_.clock.now());
    return finish(false);
  }
  dump_.emplace(std::move(*dump));
  turn_([this](const Deliver& deliver) { deliver(ResyncBegan{at_start_}); });
  slice();
}

void TableReader::slice() {
  turn_([this](const Deliver& deliver) { slice_with(deliver); });
  if (reading()) boost::asio::post(loop_, [this] { slice(); });
}

void TableReader::slice_with(const Deliver& deliver) {
  const auto end = std::chrono::steady_clock::now() + kSlice;
  ConntrackDump::Progress progress = ConntrackDump::Progress::going_on;
  do {
    progress = dump_->receive([&](ConntrackEntry entry) {
      entry.direction = parts_.judge.direction(entry);
      if (parts_.judge.concerns_us(entry)) deliver(seen(entry));
    });
  } while (progress == ConntrackDump::Progress::going_on && std::chrono::steady_clock::now() < end);
  switch (progress) {
    case ConntrackDump::Progress::going_on:
      return;
    case ConntrackDump::Progress::done:
      deliver(ResyncEnded{true});
      return finish(true);
    case ConntrackDump::Progress::failed:
      parts_.log.trouble("conntrack-table", LogLevel::warning, dump_->error(), parts_.clock.now());
      deliver(ResyncEnded{false});
      return finish(false);
  }
}

ConntrackSeen TableReader::seen(const ConntrackEntry& entry) {
  ConntrackSeen seen{entry, {}, {}};
  if (!at_start_) return seen;
  const std::optional<FiveTuple> tuple = local_end_first(entry);
  if (!tuple || (tuple->protocol != Protocol::tcp && tuple->protocol != Protocol::udp)) return seen;
  const auto socket = parts_.sockets.find(*tuple);
  if (socket) seen.uid = socket->uid;
  seen.socket = socket ? socket->cookie : 0;
  return seen;
}

void TableReader::finish(bool whole) {
  dump_.reset();
  if (!whole) ++failures_;
  if (whole && !at_start_) ++readings_;
  // At start nobody waits for a table that cannot be read: it is tried again like any other.
  at_start_ = false;
  if (auto done = std::exchange(done_, nullptr)) done(whole);
  if (again_ || !whole) begin_later();
}

}  // namespace tollgate
