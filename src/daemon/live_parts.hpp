// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tollgate/config/config.hpp"
#include "tollgate/engine/effect.hpp"
#include "tollgate/ruleset/interface_slots.hpp"

namespace tollgate {

// What is to stand in the live parts of the rules, from what the engine and rtnetlink say.
class LiveParts {
 public:
  explicit LiveParts(const Config& config);

  // Both: true when the rules have to change.
  bool interfaces(const std::vector<std::string>& names);
  bool socket(const SocketAuthorized& socket);

  const LiveRules& rules() const { return rules_; }
  // For which there was no room (kMostSocketsInRules): their flows are asked about one by one.
  std::uint64_t sockets_refused() const { return refused_; }
  // Interfaces that share a number in the ct mark.
  std::size_t interfaces_sharing() const { return slots_.sharing(); }

 private:
  const bool checks_arrival_;
  InterfaceSlots slots_;
  std::set<SocketInRules> sockets_;
  std::uint64_t refused_ = 0;
  LiveRules rules_;
};

}  // namespace tollgate
