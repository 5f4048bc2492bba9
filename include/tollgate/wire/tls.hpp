// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tollgate/base/reader.hpp"
#include "tollgate/base/result.hpp"

namespace tollgate {

enum class TlsError : std::uint8_t {
  bad_length,       // a field ends outside of what holds it, or something follows where nothing may
  bad_version,      // not 3.x, or of DTLS not 254.x
  bad_server_name,  // not a host name (RFC 6066 §3), or two of them
  duplicate,        // the same extension twice (RFC 8446 §4.2)
};
// "bad_length", …: the enumerator's name.
std::string_view to_string(TlsError error);

namespace tls {  // RFC 8446 §5.1, §4; RFC 9147 §4, §5.2
inline constexpr std::uint8_t kHandshake = 22;
inline constexpr std::uint8_t kClientHello = 1;
inline constexpr std::size_t kRecordHeader = 5, kHandshakeHeader = 4;
inline constexpr std::size_t kDtlsRecordHeader = 13, kDtlsHandshakeHeader = 12;
// The longest plaintext record, RFC 8446 §5.1.
inline constexpr std::size_t kMaxRecord = 16384;
}  // namespace tls

// What a ClientHello says of where it goes. Views point into the bytes that were parsed.
struct ClientHello {
  std::string_view server_name;         // as sent: a host name, letters in any case; empty when there is none
  Reader alpn;                          // ProtocolNameList, checked; see next_alpn()
  bool encrypted_client_hello = false;  // has the outer form of RFC 9849 (GREASE looks the same)
};

// The next protocol name of a ClientHello; false at the end. Values made up to keep servers honest
// (RFC 8701) are passed over.
bool next_alpn(Reader& names, std::string_view& out);

enum class TlsTransport : std::uint8_t { stream, datagram };

// The body of a ClientHello (RFC 8446 §4.1.2; datagram: RFC 6347 §4.2.1), without handshake header.
Result<ClientHello, TlsError> parse_client_hello(std::span<const std::uint8_t> body,
                                                 TlsTransport transport = TlsTransport::stream);

// One TLS record's header (RFC 8446 §5.1): where its fragment ends.
struct TlsRecord {
  std::uint8_t type = 0;
  std::uint16_t length = 0;
};
// Reads kRecordHeader bytes, which have to be there.
// Errors: bad_version, bad_length (over kMaxRecord, or a handshake record without a byte).
Result<TlsRecord, TlsError> parse_tls_record(Reader& in);

// One DTLS record that holds a handshake fragment (RFC 6347 §4.1, §4.2.2).
struct DtlsFragment {
  std::uint8_t message_type = 0;
  std::uint32_t message_length = 0;
  std::uint16_t message_sequence = 0;
  std::uint32_t offset = 0;
  std::span<const std::uint8_t> bytes;
};
// Reads one record; the message is in epoch 0, so in clear.
// Errors: bad_version (also: not a handshake record of epoch 0), bad_length.
Result<DtlsFragment, TlsError> parse_dtls_handshake(Reader& in);

}  // namespace tollgate
