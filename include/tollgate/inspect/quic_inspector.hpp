// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "tollgate/inspect/findings.hpp"
#include "tollgate/inspect/stream_head.hpp"

namespace tollgate {

struct QuicKeys;

// The ClientHello in a client's QUIC Initial packets (RFC 9000, RFC 9001, RFC 9369): over several
// packets and datagrams, in any order, coalesced with others; again after Retry or Version Negotiation,
// and under the connection id that the server chose. A packet counts only when its protection holds, so
// nothing else is taken for QUIC.
class QuicInspector {
 public:
  // Datagrams that are QUIC by their header and do not open; past it the flow is not QUIC.
  static constexpr unsigned kMaxFailures = 8;

  QuicInspector();
  ~QuicInspector();
  QuicInspector(QuicInspector&&) noexcept;
  QuicInspector& operator=(QuicInspector&&) noexcept;

  // One datagram of the client's. `out.encrypted` is true as soon as one packet was opened.
  Finding on_client(std::span<const std::uint8_t> datagram, Findings& out);

 private:
  struct Connection;
  bool open(const struct QuicPacket& packet, std::vector<std::uint8_t>& frames);
  Finding read_frames(std::span<const std::uint8_t> frames, Findings& out);

  std::unique_ptr<Connection> connection_;
  unsigned failures_ = 0;
};

}  // namespace tollgate
