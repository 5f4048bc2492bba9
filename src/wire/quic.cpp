// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/quic.hpp"

#include <algorithm>

namespace tollgate {
namespace {

constexpr std::uint32_t kVersion2 = 0x6b3343cf;      // RFC 9369 §3.1
constexpr std::uint32_t kDraft = 0xff000000;         // and the draft's number
constexpr std::uint8_t kLong = 0x80, kFixed = 0x40;  // RFC 9000 §17.2
constexpr std::size_t kRetryTag = 16;

bool read_id(Reader& in, QuicId& out, bool& too_long) {
  std::uint8_t length = 0;
  Reader bytes;
  if (!in.u8(length)) return false;
  too_long = length > kMaxQuicId;
  if (too_long || !in.sub(length, bytes)) return false;
  out = *QuicId::of(bytes.rest());
  return true;
}

// The two bits of the first byte; version 2 numbers them otherwise (RFC 9369 §3.2).
QuicKind kind_of(QuicVersion version, std::uint8_t first) {
  const unsigned bits = first >> 4 & 3U;
  switch (version == QuicVersion::v2 ? (bits + 3) % 4 : bits) {
    case 0:
      return QuicKind::initial;
    case 1:
      return QuicKind::zero_rtt;
    case 2:
      return QuicKind::handshake;
  }
  return QuicKind::retry;
}

// RFC 9000 §19.3; `counts` is ACK with ECN counts.
bool skip_ack(Reader& in, bool counts) {
  std::uint64_t value = 0, ranges = 0;
  if (!(read_quic_integer(in, value) && read_quic_integer(in, value) && read_quic_integer(in, ranges) &&
        read_quic_integer(in, value))) {
    return false;
  }
  // A range takes two bytes at least, so the payload bounds the loop.
  for (; ranges > 0; --ranges) {
    if (!read_quic_integer(in, value) || !read_quic_integer(in, value)) return false;
  }
  for (int i = 0; counts && i < 3; ++i) {
    if (!read_quic_integer(in, value)) return false;
  }
  return true;
}

bool skip_close(Reader& in) {  // RFC 9000 §19.19, type 0x1c
  std::uint64_t code = 0, type = 0, length = 0;
  return read_quic_integer(in, code) && read_quic_integer(in, type) && read_quic_integer(in, length) &&
         length <= in.remaining() && in.skip(static_cast<std::size_t>(length));
}

bool read_crypto(Reader& in, QuicCrypto& out) {
  std::uint64_t length = 0;
  Reader bytes;
  if (!read_quic_integer(in, out.offset) || !read_quic_integer(in, length)) return false;
  if (length > in.remaining() || !in.sub(static_cast<std::size_t>(length), bytes)) return false;
  out.bytes = bytes.rest();
  return true;
}

}  // namespace

std::optional<QuicVersion> quic_version(std::uint32_t number) {
  if (number == 1) return QuicVersion::v1;
  if (number == kVersion2) return QuicVersion::v2;
  if (number >= (kDraft | 29U) && number <= (kDraft | 32U)) return QuicVersion::draft29;
  if (number == (kDraft | 33U) || number == (kDraft | 34U)) return QuicVersion::draft33;
  return {};
}

std::optional<QuicId> QuicId::of(std::span<const std::uint8_t> bytes) {
  if (bytes.size() > kMaxQuicId) return {};
  QuicId id;
  std::ranges::copy(bytes, id.bytes_.begin());
  id.size_ = static_cast<std::uint8_t>(bytes.size());
  return id;
}

bool read_quic_integer(Reader& in, std::uint64_t& out) {
  std::uint8_t first = 0;
  Reader at = in;
  if (!at.u8(first)) return false;
  std::uint64_t value = first & 0x3f;
  for (unsigned more = (1U << (first >> 6)) - 1; more > 0; --more) {
    std::uint8_t byte = 0;
    if (!at.u8(byte)) return false;
    value = value << 8 | byte;
  }
  out = value;
  in = at;
  return true;
}

Result<QuicPacket, QuicError> parse_quic_packet(Reader& in) {
  const std::span<const std::uint8_t> whole = in.rest();
  QuicPacket packet;
  std::uint8_t first = 0;
  bool too_long = false;
  if (!in.u8(first)) return QuicError::truncated;
  if ((first & kLong) == 0) return QuicError::not_long;
  if (!in.u32(packet.version_number)) return QuicError::truncated;
  if (!read_id(in, packet.destination, too_long) || !read_id(in, packet.source, too_long)) {
    return too_long ? QuicError::bad_length : QuicError::truncated;
  }
  const auto rest_of_datagram = [&](QuicKind kind) {
    packet.kind = kind;
    packet.payload = in.rest();
    in = Reader{};
    return packet;
  };
  // Version negotiation may have any fixed bit, RFC 9000 §17.2.1.
  if (packet.version_number == 0) return rest_of_datagram(QuicKind::version_negotiation);
  if ((first & kFixed) == 0) return QuicError::not_long;
  const std::optional<QuicVersion> version = quic_version(packet.version_number);
  if (!version) return rest_of_datagram(QuicKind::unknown_version);
  packet.version = *version;
  packet.kind = kind_of(*version, first);
  if (packet.kind == QuicKind::retry) {
    if (in.remaining() < kRetryTag) return QuicError::truncated;
    return rest_of_datagram(QuicKind::retry);
  }
  std::uint64_t length = 0;
  if (packet.kind == QuicKind::initial) {
    if (!read_quic_integer(in, length) || length > in.remaining()) return QuicError::truncated;
    in.skip(static_cast<std::size_t>(length));  // token
  }
  if (!read_quic_integer(in, length)) return QuicError::truncated;
  if (length > in.remaining()) return QuicError::bad_length;
  packet.header = whole.first(whole.size() - in.remaining());
  Reader payload;
  in.sub(static_cast<std::size_t>(length), payload);
  packet.payload = payload.rest();
  return packet;
}

Result<std::optional<QuicCrypto>, QuicError> next_quic_crypto(Reader& payload) {
  constexpr std::uint64_t kPadding = 0, kPing = 1, kAck = 2, kAckCounts = 3, kCrypto = 6, kClose = 0x1c;
  while (!payload.empty()) {
    std::uint64_t type = 0;
    if (!read_quic_integer(payload, type)) return QuicError::bad_frame;
    if (type == kPadding || type == kPing) continue;
    if (type == kCrypto) {
      QuicCrypto crypto;
      if (!read_crypto(payload, crypto)) return QuicError::bad_frame;
      return std::optional{crypto};
    }
    const bool skipped = type == kAck || type == kAckCounts ? skip_ack(payload, type == kAckCounts)
                                                            : type == kClose && skip_close(payload);
    if (!skipped) return QuicError::bad_frame;
  }
  return std::optional<QuicCrypto>{};
}

}  // namespace tollgate
