// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// What a flow carried, as the seeds of fuzz_inspection have it: protocol (1 byte), destination port
// (2), then for each payload who sent it (1: the client), its length (2) and its bytes.

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tollgate/base/reader.hpp"
#include "tollgate/inspect/flow_inspection.hpp"

namespace tollgate::test {

struct Said {
  bool client = true;
  std::vector<std::uint8_t> bytes;
};

struct Conversation {
  Protocol protocol = Protocol::tcp;
  std::uint16_t port = 0;
  std::vector<Said> said;
};

inline Conversation read_conversation(std::span<const std::uint8_t> seed) {
  Conversation read;
  Reader in{seed};
  std::uint8_t protocol = 0, client = 0;
  std::uint16_t length = 0;
  if (!in.u8(protocol) || !in.u16(read.port)) return read;
  read.protocol = Protocol{protocol};
  while (in.u8(client) && in.u16(length)) {
    Reader bytes;
    in.sub(std::min<std::size_t>(length, in.remaining()), bytes);
    if (bytes.empty()) continue;
    read.said.push_back({client % 2 == 1, {bytes.rest().begin(), bytes.rest().end()}});
  }
  return read;
}

// Tells an inspection what is said, as packets: of TCP with sequence numbers that wrap on the way.
class Teller {
 public:
  Teller(const Conversation& of, const InspectionLimits& limits) : inspection_{of.protocol, of.port, limits} {
    protocol_ = of.protocol;
  }

  static constexpr std::uint32_t kFirst = 0xffffff00;

  void syn() {
    for (const bool client : {true, false}) {
      Packet packet = packet_of({});
      packet.tcp_flags = tcp_flag::syn;
      packet.tcp_sequence = kFirst - 1;
      inspection_.on_packet(packet, client);
    }
  }
  void at(bool client, std::uint64_t offset, std::span<const std::uint8_t> bytes) {
    Packet packet = packet_of(bytes);
    packet.tcp_sequence = static_cast<std::uint32_t>(kFirst + offset);
    inspection_.on_packet(packet, client);
  }
  void next(bool client, std::span<const std::uint8_t> bytes) {
    at(client, told_[client ? 0 : 1], bytes);
    told_[client ? 0 : 1] += bytes.size();
  }
  const FlowInspection& inspection() const { return inspection_; }
  FlowInspection take() { return std::move(inspection_); }

 private:
  Packet packet_of(std::span<const std::uint8_t> bytes) const {
    Packet packet;
    packet.endpoints.protocol = protocol_;
    packet.payload = bytes;
    return packet;
  }

  FlowInspection inspection_;
  Protocol protocol_ = Protocol::tcp;
  std::uint64_t told_[2] = {0, 0};
};

}  // namespace tollgate::test
