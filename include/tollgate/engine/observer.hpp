// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "tollgate/base/ids.hpp"
#include "tollgate/base/time.hpp"
#include "tollgate/engine/dns_listener.hpp"
#include "tollgate/flow/flow.hpp"
#include "tollgate/inspect/flow_inspection.hpp"
#include "tollgate/names/name_store.hpp"
#include "tollgate/wire/packet.hpp"

namespace tollgate {

// For whom a flow was meant, and what it said. Copied with every change that somebody watches.
struct Observed {
  std::string domain;  // canonical; "" when there is none
  std::optional<NameSource> domain_source;
  // It asked for another name than those under which its address was resolved.
  bool name_mismatch = false;
  std::shared_ptr<const Findings> findings;  // null: nothing of it was looked at
  bool looked = false;                       // at its first bytes: what they say will not change any more
};

struct ObserverLimits {
  NameLimits names;
  DnsWatchLimits questions;
  InspectionLimits inspection;
  // From a flow's first payload on: the packet after it finds it looked at.
  Duration inspection_deadline = std::chrono::seconds{30};
  // Flows that are being looked at, and connections of DNS over TCP. Past either, the one that began
  // first is looked at no longer: what it has shown stands.
  std::uint32_t max_inspections = 2048;
  std::uint32_t max_dns_streams = 256;
};

// Watches packets go by: learns names from DNS, and looks at the first bytes of every flow. A flow's
// domain is the name under which its address was resolved; where one address has several, the flow's
// own words choose among them; where none is known, its words are all there is.
//
// Of a flow of which nothing is known nothing is kept: one that the kernel carries from its SYN on costs
// the search for its address's name.
class Observer {
 public:
  // `seed` keeps hashes secret: see SeededHash.
  Observer(const ObserverLimits& limits, std::uint64_t seed)
      : limits_{limits}, names_{limits.names, seed}, dns_{limits.questions, limits.max_dns_streams, seed} {}

  // A flow has begun: before its first packet.
  void on_opened(const Flow& flow, Time now);
  // It is this program's: the names that this one was told count before the others'. Not once the flow has
  // said itself which it was.
  void on_owner(const Flow& flow, ProgramKey program, Time now);
  // The flow's address has several names, so it may matter whose the flow is.
  bool depends_on_owner(const Flow& flow, Time now) const;
  // A packet of this flow, the first one included. `reply`: against the flow's direction. `program` is
  // whose the flow is, if anybody's that is known. Of a packet that is not `whole` its end was not copied: it
  // teaches nothing, and its flow is looked at no longer.
  void on_packet(const Flow& flow, const Packet& packet, bool reply, bool whole, ProgramKey program,
                 Time now);
  // A packet that the kernel carried by itself: only what it says about names counts.
  void on_copy(const Packet& packet, bool whole, ProgramKey program, Time now);
  // What is known of a flow; null when nothing is. Good until the flow's next packet.
  const Observed* find(FlowId flow) const;
  // A question to the daemon's own nameserver, and its answer: two messages between these ends.
  void on_answered(const Endpoints& asker, std::span<const std::uint8_t> query,
                   std::span<const std::uint8_t> answer, ProgramKey program, Time now);
  // A flow is gone. Until then it is kept: there are at most as many here as there are flows.
  void forget(FlowId flow);

  const DnsWatchCounters& dns() const { return dns_.counters(); }
  const NameStore& names() const { return names_; }

 private:
  struct Watched {
    Observed observed;
    bool named_by_dns = false;
    std::unique_ptr<FlowInspection> inspection;  // until it was looked at
    std::optional<Time> spoke;                   // its first payload, while it is
  };

  // Flows in the order in which they got something of which there is only so much.
  class Turns {
   public:
    // Makes room for one more: `drop(flow)` takes it from a flow that `has` it, as long as `limit` have.
    template <class Has, class Drop>
    void add(FlowId flow, std::uint32_t limit, const Has& has, const Drop& drop);

   private:
    std::deque<std::uint64_t> flows_;  // some of which have lost it in the meantime
  };

  Watched& watched(FlowId flow);
  Watched* known(FlowId flow);
  void look(const Flow& flow, const Packet& packet, bool reply, Time now);
  void take_findings(const Flow& flow, Watched& watched, const FlowInspection& inspection, Time now);

  ObserverLimits limits_;
  NameStore names_;
  DnsListener dns_;
  boost::unordered_flat_map<std::uint64_t, std::unique_ptr<Watched>> flows_;
  Turns inspections_;
};

}  // namespace tollgate
