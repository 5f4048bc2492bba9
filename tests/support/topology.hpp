// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "network_namespace.hpp"
#include "process.hpp"

namespace tollgate::test {

// One machine's addresses on one link, one of each family.
struct Addresses {
  std::string v4, v6;
  std::vector<std::string> both() const { return {v4, v6}; }
};

inline const Addresses kHost{"10.77.0.1", "fd77::1"};    // where tollgated runs
inline const Addresses kPeer{"10.77.0.2", "fd77::2"};    // the world, by its first name
inline const Addresses kOther{"10.77.0.3", "fd77::3"};   // the same machine by another: for controls
inline const Addresses kRouter{"10.78.0.1", "fd78::1"};  // the host as the inner machine sees it
inline const Addresses kInner{"10.78.0.2", "fd78::2"};   // behind the host
inline constexpr const char* kHostLink = "wan0";
inline constexpr const char* kInnerLink = "lan0";

enum class Machines { two, three };

// host ── peer, and with `three` also inner ── host ── peer, the host forwarding. Everything beyond
// is routed to the peer.
class Topology {
 public:
  explicit Topology(Machines machines = Machines::two);

  NetworkNamespace host;
  NetworkNamespace peer;
  std::optional<NetworkNamespace> inner;

 private:
  void configure(const NetworkNamespace& machine, const std::string& commands) const;
  TemporaryDirectory files_;
};

}  // namespace tollgate::test
