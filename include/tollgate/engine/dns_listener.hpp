// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>

#include "tollgate/base/time.hpp"
#include "tollgate/flow/five_tuple.hpp"
#include "tollgate/inspect/dns_stream.hpp"
#include "tollgate/names/dns_watch.hpp"
#include "tollgate/names/name_store.hpp"
#include "tollgate/wire/packet.hpp"

namespace tollgate {

// Packets to and from the ports of DNS, mDNS and LLMNR, over UDP and TCP, become messages, and what these
// answer becomes names.
class DnsListener {
 public:
  // Connections of DNS over TCP: past `max_streams` the one that began first is listened to no longer.
  DnsListener(const DnsWatchLimits& limits, std::uint32_t max_streams, std::uint64_t seed)
      : questions_{limits, seed}, max_streams_{max_streams} {}

  static bool concerns(const Packet& packet);
  // A packet whose end was not copied teaches nothing: the caller leaves it out. `program` is whose socket
  // asks, either way.
  void on_packet(const Packet& packet, ProgramKey program, Time now, NameStore& names);
  // A question from `asker`, and its answer: two messages that somebody else has read.
  void on_exchange(const Endpoints& asker, std::span<const std::uint8_t> query,
                   std::span<const std::uint8_t> answer, ProgramKey program, Time now, NameStore& names);

  const DnsWatchCounters& counters() const { return questions_.counters(); }
  std::size_t streams() const { return streams_.size(); }

 private:
  struct Sides {
    DnsStream client, server;
  };
  struct Hash {
    std::size_t operator()(const FlowKey& key) const { return key.hash(); }
  };
  Sides& sides(const FlowKey& key);
  void forget(const FlowKey& key);

  DnsWatch questions_;
  std::uint32_t max_streams_;
  boost::unordered_flat_map<FlowKey, std::unique_ptr<Sides>, Hash> streams_;
  std::deque<FlowKey> order_;  // one for each of streams_, the oldest in front
};

}  // namespace tollgate
