// SPDX-License-Identifier: GPL-2.0-or-later
// Unicast answers to multicast and broadcast packets.
#include <algorithm>

#include "engine_context.hpp"

namespace tollgate {
namespace {

const IpAddress kEverybody = IpAddress::v4({255, 255, 255, 255});  // RFC 919 §7

}  // namespace

// The kernel never carries such flows: every packet comes up, and keeps the window open.
bool Engine::opens_window(const Flow& flow) const {
  if (options_.multicast_answers != MulticastAnswers::window) return false;
  if (flow.tuple.protocol != Protocol::udp || flow.direction != Direction::outbound) return false;
  const IpAddress to = flow.tuple.destination_address();
  return to.is_multicast() || to == kEverybody || std::ranges::binary_search(broadcasts_, to);
}

void Engine::open_window(const Flow& flow, Time now) {
  if (!lets_pass(flow.verdict) || !opens_window(flow)) return;
  windows_.open({flow.tuple.source_address(), flow.tuple.source_port}, now);
}

bool Engine::in_window(const Evidence& seen, Time now) const {
  return windows_.size() > 0 && seen.direction == Direction::inbound &&
         seen.tuple.protocol == Protocol::udp &&
         windows_.is_open({seen.tuple.destination_address(), seen.tuple.destination_port}, now);
}

}  // namespace tollgate
