// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/reroute.hpp"

#include "tollgate/ruleset/queue_layout.hpp"

namespace tollgate {

// The configuration may not name a queue whose last bit combination is past the largest number.
static_assert(kMostQueueNumber + kQueueCount - 1 <= 0xffff);

namespace {

void add(std::vector<Reroute>& to, FlowMark mark, const RerouteTarget& target, Family family) {
  const std::optional<IpAddress>& address = family == Family::ipv4 ? target.address4 : target.address6;
  if (address) to.push_back({mark, *address, target.port});
}

}  // namespace

std::string Reroute::endpoint() const {
  const std::string host = address.to_string();
  return (address.family() == Family::ipv4 ? host : "[" + host + "]") + ":" + std::to_string(port);
}

std::vector<Reroute> reroutes(const Config& config, Family family) {
  std::vector<Reroute> found;
  add(found, FlowMark::nameserver, config.nameserver, family);
  add(found, FlowMark::tunnel, config.tunnel, family);
  return found;
}

}  // namespace tollgate
