// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tollgate/base/reader.hpp"
#include "tollgate/base/result.hpp"

namespace tollgate {

// Versions of QUIC whose Initial packets can be read: RFC 9000, RFC 9369, and the drafts from 29 on.
enum class QuicVersion : std::uint8_t { v1, v2, draft29, draft33 };
std::optional<QuicVersion> quic_version(std::uint32_t number);

inline constexpr std::size_t kMaxQuicId = 20;   // RFC 9000 §17.2
inline constexpr std::size_t kQuicSample = 16;  // RFC 9001 §5.4.2

// A connection id, 0 to 20 bytes.
class QuicId {
 public:
  QuicId() = default;
  // At most kMaxQuicId bytes.
  static std::optional<QuicId> of(std::span<const std::uint8_t> bytes);
  std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size_}; }
  friend bool operator==(const QuicId&, const QuicId&) = default;

 private:
  std::array<std::uint8_t, kMaxQuicId> bytes_{};
  std::uint8_t size_ = 0;
};

enum class QuicKind : std::uint8_t {
  initial,
  zero_rtt,
  handshake,
  retry,
  version_negotiation,
  unknown_version
};

enum class QuicError : std::uint8_t {
  truncated,   // ends before a header does
  not_long,    // a short header, or no QUIC at all (the fixed bit is not set)
  bad_length,  // a connection id over 20 bytes, or a length past the datagram
  bad_frame,   // a frame that an Initial packet may not have (RFC 9000 §12.4), or one that is cut short
};

// A packet with a long header (RFC 9000 §17.2), its protection still on. Views point into the datagram.
struct QuicPacket {
  QuicKind kind = QuicKind::unknown_version;
  std::uint32_t version_number = 0;
  QuicVersion version = QuicVersion::v1;  // unless version_negotiation or unknown_version
  QuicId destination, source;
  std::span<const std::uint8_t> header;   // up to the packet number
  std::span<const std::uint8_t> payload;  // protected packet number and payload; initial, zero_rtt, handshake
};

// Reads the packet where `in` stands and leaves it at the next of the datagram (RFC 9000 §12.2); kinds
// without a length take all that is left.
Result<QuicPacket, QuicError> parse_quic_packet(Reader& in);

// A variable-length integer, RFC 9000 §16; false when it is not all there.
bool read_quic_integer(Reader& in, std::uint64_t& out);

// One stretch of the handshake (RFC 9000 §19.6).
struct QuicCrypto {
  std::uint64_t offset = 0;
  std::span<const std::uint8_t> bytes;
};

// The next CRYPTO frame of an Initial packet's payload, its protection taken off; nullopt at the end.
// Passes over the other frames that an Initial may have.
Result<std::optional<QuicCrypto>, QuicError> next_quic_crypto(Reader& payload);

}  // namespace tollgate
