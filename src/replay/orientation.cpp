// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/orientation.hpp"

#include <algorithm>

namespace tollgate {
namespace {

constexpr std::uint8_t kSynAck = tcp_flag::syn | tcp_flag::ack;

bool is_syn(const Packet& packet) {
  return packet.endpoints.protocol == Protocol::tcp && (packet.tcp_flags & kSynAck) == tcp_flag::syn;
}

bool is_syn_ack(const Packet& packet) {
  return packet.endpoints.protocol == Protocol::tcp && (packet.tcp_flags & kSynAck) == kSynAck;
}

// RFC 792: echo, timestamp and information reply; RFC 950: address mask reply; RFC 4443 §4.2.
bool is_icmp_answer(const Packet& packet) {
  const std::uint8_t type = packet.endpoints.icmp.type;
  if (packet.endpoints.protocol == Protocol::icmp) {
    return type == 0 || type == 14 || type == 16 || type == 18;
  }
  return packet.endpoints.protocol == Protocol::icmpv6 && type == 129;
}

bool any_contains(std::span<const Prefix> local, const IpAddress& address) {
  return std::any_of(local.begin(), local.end(), [&](const Prefix& net) { return net.contains(address); });
}

Direction first_direction(const IpAddress& from, const IpAddress& to, std::span<const Prefix> local) {
  if (local.empty() || any_contains(local, from)) return Direction::outbound;
  return any_contains(local, to) ? Direction::inbound : Direction::forward;
}

Orientation in_kernel(Direction direction, bool reply) {
  switch (direction) {
    case Direction::outbound:
      return {reply ? Hook::input : Hook::output, reply};
    case Direction::inbound:
      return {reply ? Hook::output : Hook::input, reply};
    case Direction::forward:
    case Direction::count_:
      break;
  }
  return {Hook::forward, reply};
}

}  // namespace

Orientation orient(const Packet& packet, const Flow* known, std::span<const Prefix> local) {
  // A SYN begins a connection whatever its tuple was before; everything else goes with its flow.
  if (known != nullptr && !is_syn(packet)) {
    return in_kernel(known->direction, FiveTuple::of(packet.endpoints) != known->tuple);
  }
  const bool reply = is_syn_ack(packet) || is_icmp_answer(packet);
  const Endpoints& ends = packet.endpoints;
  const Direction direction = reply ? first_direction(ends.destination, ends.source, local)
                                    : first_direction(ends.source, ends.destination, local);
  return in_kernel(direction, reply);
}

}  // namespace tollgate
