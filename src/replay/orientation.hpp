// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>

#include "tollgate/base/ip.hpp"
#include "tollgate/engine/event.hpp"
#include "tollgate/flow/flow.hpp"
#include "tollgate/wire/packet.hpp"

namespace tollgate {

// Where in a kernel a captured packet would have stood, and which way it travelled.
struct Orientation {
  Hook hook = Hook::output;
  bool reply = false;
  friend bool operator==(const Orientation&, const Orientation&) = default;
};

// `known` is the flow that the packet's tuple belongs to, or null. A first packet gives its flow a
// direction: from `local`, the networks that are this machine (to them inbound, from them outbound,
// neither: forward); without any, whoever sent first is local. A SYN-ACK or an ICMP answer without
// its question is a reply: the capture began too late to show what it answers.
Orientation orient(const Packet& packet, const Flow* known, std::span<const Prefix> local);

}  // namespace tollgate
