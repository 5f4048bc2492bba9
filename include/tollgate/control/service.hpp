// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tollgate/base/diagnostic.hpp"
#include "tollgate/control/messages.hpp"
#include "tollgate/flow/flow.hpp"
#include "tollgate/policy/added_rules.hpp"
#include "tollgate/policy/policy.hpp"
#include "tollgate/process/socket_census.hpp"

namespace tollgate {

// What the control server asks of the daemon. Called on the loop's thread, never from inside the
// engine. Who may ask what is the server's business, not the service's.
class ControlService {
 public:
  virtual ~ControlService() = default;
  virtual Status status() = 0;
  // A part of the flow table: looks at no more than `limit` places of it from `from` (at first 0)
  // on, calls `each` for the flows there, and returns the place to go on at; nullopt at the end. A
  // flow that stays is seen once, whatever comes and goes between two calls; one that comes or goes
  // meanwhile may be seen or not. So nobody holds a copy of the table, nor the loop for long.
  using EachFlow = std::function<void(const FlowRef& where, const FlowEntry& flow)>;
  virtual std::optional<std::uint32_t> flows(std::uint32_t from, std::uint32_t limit,
                                             const EachFlow& each) = 0;
  // Who holds which sockets, looked at aside: `done` is called on the loop, once, later. Null where nobody
  // looks for the owners of flows.
  virtual void take_census(std::function<void(const CensusPointer&)> done) = 0;
  // Adds who holds the flow's socket by that census.
  virtual void add_holders(const SocketCensus& census, const FlowRef& where, FlowEntry& flow) = 0;
  // The one in force; never null.
  virtual PolicyPointer policy() = 0;
  // How often this rule of the policy decided; nullopt when the policy is not in force any more.
  virtual std::optional<std::uint64_t> hits(const PolicyPointer& policy, std::uint32_t rule) = 0;
  // What changes the policy is done aside: these return at once, and `done` is called on the loop, once,
  // now or later. Nothing to say: the new policy is in force; else why the old one stays.
  using Done = std::function<void(const Diagnostics& why)>;
  virtual void reload(Done done) = 0;
  using Added = std::function<void(const Result<std::string, Diagnostics>& name)>;
  virtual void add_rule(AddedRule rule, Added told) = 0;
  virtual void remove_rule(const std::string& name, Done done) = 0;
  // As `flows`, but does this to those that the filter fits. `next` is where to go on.
  enum class Action : std::uint8_t { revoke, kill };
  struct Acted {
    std::optional<std::uint32_t> next;
    ActionCounts counts;
  };
  virtual Acted act(Action action, const FlowFilter& filter, std::uint32_t from, std::uint32_t limit) = 0;
  virtual Explanation explain(const ExplainRequest& request) = 0;
  // Somebody watches flows (or nobody does any more): until told otherwise, publish changes.
  virtual void watch(bool on) = 0;
};

}  // namespace tollgate
