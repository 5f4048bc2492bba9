// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/inspect/quic_inspector.hpp"

#include "hello_findings.hpp"
#include "quic_protection.hpp"

namespace tollgate {
namespace {

constexpr std::size_t kMaxHello = tls::kMaxRecord;

// Versions that a client makes up so that the server negotiates (RFC 9000 §15).
bool is_reserved(std::uint32_t version) { return (version & 0x0f0f0f0f) == 0x0a0a0a0a; }

Finding malformed(Findings& out) {
  out.malformed = true;
  return Finding::malformed;
}

}  // namespace

// What one client's handshake has shown so far.
struct QuicInspector::Connection {
  QuicVersion version = QuicVersion::v1;
  QuicKeys keys;
  StreamHead handshake{kMaxHello};
};

QuicInspector::QuicInspector() = default;
QuicInspector::~QuicInspector() = default;
QuicInspector::QuicInspector(QuicInspector&&) noexcept = default;
QuicInspector& QuicInspector::operator=(QuicInspector&&) noexcept = default;

Finding QuicInspector::on_client(std::span<const std::uint8_t> datagram, Findings& out) {
  bool may = false;
  for (Reader in{datagram}; !in.empty();) {
    const Result<QuicPacket, QuicError> packet = parse_quic_packet(in);
    if (!packet) break;
    may = may || packet->kind != QuicKind::unknown_version || is_reserved(packet->version_number);
    if (packet->kind != QuicKind::initial) continue;
    std::vector<std::uint8_t> frames;
    if (!open(*packet, frames)) continue;
    out.protocol = Spoken::quic;
    out.encrypted = true;
    const Finding finding = read_frames(frames, out);
    if (finding != Finding::need_more) return finding;
  }
  // What was opened once stays QUIC, whatever else the flow carries.
  if (connection_) return Finding::need_more;
  return may && ++failures_ < kMaxFailures ? Finding::need_more : Finding::not_this;
}

// With the keys of the connection first: the client may have changed to the id that the server chose.
// After a Retry, and after Version Negotiation, the packet's own id is the one to derive them from.
bool QuicInspector::open(const QuicPacket& packet, std::vector<std::uint8_t>& frames) {
  const bool same_version = connection_ && connection_->version == packet.version;
  if (same_version && open_initial(connection_->keys, packet, frames)) return true;
  QuicKeys keys;
  if (!client_initial_keys(packet.version, packet.destination.bytes(), keys)) return false;
  if (!open_initial(keys, packet, frames)) return false;
  // Another version begins with another ClientHello; a Retry does not (RFC 9000 §17.2.5.2).
  if (!same_version) connection_ = std::make_unique<Connection>();
  connection_->version = packet.version;
  connection_->keys = keys;
  return true;
}

Finding QuicInspector::read_frames(std::span<const std::uint8_t> frames, Findings& out) {
  StreamHead& handshake = connection_->handshake;
  for (Reader in{frames};;) {
    const auto crypto = next_quic_crypto(in);
    if (!crypto) return malformed(out);
    if (!*crypto) break;
    if (handshake.add((*crypto)->offset, (*crypto)->bytes) == StreamHead::Added::conflict)
      return malformed(out);
  }
  Reader message{handshake.prefix()}, body;
  std::uint8_t type = 0, high = 0;
  std::uint16_t low = 0;
  if (!(message.u8(type) && message.u8(high) && message.u16(low))) return Finding::need_more;
  const std::size_t length = std::size_t{high} << 16 | low;
  if (type != tls::kClientHello || length > kMaxHello - tls::kHandshakeHeader) return malformed(out);
  if (!message.sub(length, body)) return Finding::need_more;
  const auto hello = parse_client_hello(body.rest());
  if (!hello) return malformed(out);
  take_hello(*hello, out);
  return Finding::found;
}

}  // namespace tollgate
