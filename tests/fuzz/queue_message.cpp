// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as a message of the queue, on both mark paths, and as a message of conntrack.
#include "linux/queue_message.hpp"

#include <cstdlib>
#include <span>

#include "linux/conntrack_message.hpp"

using namespace tollgate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> message{data, size};
  const InterfaceNames names = [](std::uint32_t index) -> std::string_view { return index == 1 ? "lo" : ""; };
  for (const MarkPath path : {MarkPath::conntrack, MarkPath::packet}) {
    QueueOptions options;
    options.mark_path = path;
    const auto decoded = decode_packet(message, options, names);
    if (!decoded) continue;
    const PacketQueued& packet = decoded->packet;
    // What decodes waits for an answer, and its bytes are those of the message.
    if (waiting_packet(message, options) != packet.id) std::abort();
    if (packet.wire_length < packet.bytes.size()) std::abort();
    if (!packet.bytes.empty() &&
        (packet.bytes.data() < data || packet.bytes.data() + packet.bytes.size() > data + size)) {
      std::abort();
    }
  }
  decode_conntrack(message);
  return 0;
}
