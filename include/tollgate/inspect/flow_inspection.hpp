// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "tollgate/inspect/dtls_inspector.hpp"
#include "tollgate/inspect/findings.hpp"
#include "tollgate/inspect/inspectors.hpp"
#include "tollgate/inspect/quic_inspector.hpp"
#include "tollgate/inspect/tcp_side.hpp"
#include "tollgate/wire/packet.hpp"

namespace tollgate {

struct InspectionLimits {
  std::size_t max_bytes = 16'384 + 512;  // of each side of a stream: the longest ClientHello, framed
  unsigned max_packets = 48;             // with payload, of both sides
};

// One flow under inspection: every packet of it, until all inspectors have finished or a bound is
// reached. TCP streams are put together first; UDP is looked at datagram by datagram. Other protocols
// have nothing to find: they are unencrypted at their first payload.
class FlowInspection {
 public:
  // `port` is the flow's destination port: DNS, mDNS and LLMNR are known by theirs.
  FlowInspection(Protocol transport, std::uint16_t port, const InspectionLimits& limits);

  // The client's SYN, where it is not among the packets: its sequence number.
  void opened_by(std::uint32_t syn) { client_.opened_by(syn); }

  // A packet of the flow, in the order in which it was seen. No effect once finished.
  void on_packet(const Packet& packet, bool from_client);

  // Nobody waits any longer: it is what it has shown to be.
  void give_up() {
    if (!finished_) settle();
  }

  bool finished() const { return finished_; }
  const Findings& findings() const { return findings_; }
  // With payload, up to the one that settled it.
  unsigned packets() const { return packets_; }

 private:
  void on_segment(const Packet& packet, bool from_client);
  void on_datagram(const Packet& packet, bool from_client);
  void look_at_streams();
  void settle();

  InspectionLimits limits_;
  Protocol transport_;
  std::uint16_t port_;
  Findings findings_;
  bool finished_ = false;
  unsigned packets_ = 0;
  std::size_t wanted_ = 0;  // of the client's bytes, before it is worth another look
  TcpSide client_, server_;
  std::optional<QuicInspector> quic_;
  std::optional<DtlsInspector> dtls_;
};

}  // namespace tollgate
