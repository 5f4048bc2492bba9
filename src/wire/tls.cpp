// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/tls.hpp"

#include <algorithm>
#include <optional>

namespace tollgate {
namespace {

// IANA "TLS ExtensionType Values".
constexpr std::uint16_t kServerName = 0, kAlpn = 16, kEncryptedClientHello = 0xfe0d;
constexpr std::size_t kRandom = 32;
constexpr std::size_t kMaxHostName = 253;

std::string_view text(Reader in) { return {reinterpret_cast<const char*>(in.rest().data()), in.remaining()}; }

// A field of a length that stands before it, in `Width` bytes.
template <std::size_t Width>
bool prefixed(Reader& in, Reader& out) {
  std::uint8_t narrow = 0;
  std::uint16_t wide = 0;
  if constexpr (Width == 1) return in.u8(narrow) && in.sub(narrow, out);
  if constexpr (Width == 2) return in.u16(wide) && in.sub(wide, out);
}

bool u24(Reader& in, std::uint32_t& out) {
  std::uint8_t high = 0;
  std::uint16_t low = 0;
  if (!in.u8(high) || !in.u16(low)) return false;
  out = static_cast<std::uint32_t>(high) << 16 | low;
  return true;
}

// What names a host in the world: letters, digits, "-", "_" and dots between labels that are there.
bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxHostName || name.front() == '.') return false;
  if (name.find("..") != std::string_view::npos) return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

using Error = std::optional<TlsError>;

// RFC 6066 §3: a list, of which only one kind of name was ever defined.
Error read_server_name(Reader extension, ClientHello& hello) {
  Reader list;
  if (!prefixed<2>(extension, list) || !extension.empty()) return TlsError::bad_length;
  while (!list.empty()) {
    std::uint8_t kind = 0;
    Reader name;
    if (!list.u8(kind) || !prefixed<2>(list, name)) return TlsError::bad_length;
    if (kind != 0) continue;
    if (!hello.server_name.empty() || !is_host_name(text(name))) return TlsError::bad_server_name;
    hello.server_name = text(name);
  }
  return {};
}

// RFC 7301 §3.1: names of at least one byte.
Error read_alpn(Reader extension, ClientHello& hello) {
  if (!prefixed<2>(extension, hello.alpn) || !extension.empty()) return TlsError::bad_length;
  for (Reader names = hello.alpn; !names.empty();) {
    Reader name;
    if (!prefixed<1>(names, name) || name.empty()) return TlsError::bad_length;
  }
  return {};
}

Error read_extensions(Reader in, ClientHello& hello) {
  bool has_name = false, has_alpn = false;
  while (!in.empty()) {
    std::uint16_t type = 0;
    Reader extension;
    if (!in.u16(type) || !prefixed<2>(in, extension)) return TlsError::bad_length;
    Error error;
    if (type == kServerName) {
      if (has_name) return TlsError::duplicate;
      has_name = true;
      error = read_server_name(extension, hello);
    } else if (type == kAlpn) {
      if (has_alpn) return TlsError::duplicate;
      has_alpn = true;
      error = read_alpn(extension, hello);
    } else if (type == kEncryptedClientHello) {
      if (hello.encrypted_client_hello) return TlsError::duplicate;
      hello.encrypted_client_hello = true;
    }
    if (error) return error;
  }
  return {};
}

// RFC 8701 §2: two equal bytes of the form ?a.
bool is_grease(std::string_view name) {
  return name.size() == 2 && name[0] == name[1] && (name[0] & 0x0f) == 0x0a;
}

}  // namespace

std::string_view to_string(TlsError error) {
  switch (error) {
    case TlsError::bad_length:
      return "bad_length";
    case TlsError::bad_version:
      return "bad_version";
    case TlsError::bad_server_name:
      return "bad_server_name";
    case TlsError::duplicate:
      return "duplicate";
  }
  return "";
}

bool next_alpn(Reader& names, std::string_view& out) {
  Reader name;
  while (prefixed<1>(names, name)) {
    out = text(name);
    if (!is_grease(out)) return true;
  }
  return false;
}

Result<ClientHello, TlsError> parse_client_hello(std::span<const std::uint8_t> body, TlsTransport transport) {
  Reader in{body};
  Reader session, cookie, ciphers, compressions, extensions;
  std::uint8_t major = 0;
  ClientHello hello;
  if (!in.u8(major) || !in.skip(1 + kRandom) || !prefixed<1>(in, session)) return TlsError::bad_length;
  if (major != (transport == TlsTransport::stream ? 3 : 254)) return TlsError::bad_version;
  if (transport == TlsTransport::datagram && !prefixed<1>(in, cookie)) return TlsError::bad_length;
  if (!prefixed<2>(in, ciphers) || !prefixed<1>(in, compressions)) return TlsError::bad_length;
  if (session.remaining() > kRandom || ciphers.remaining() < 2 || ciphers.remaining() % 2 != 0 ||
      compressions.empty()) {
    return TlsError::bad_length;
  }
  if (in.empty()) return hello;  // before extensions were invented
  if (!prefixed<2>(in, extensions) || !in.empty()) return TlsError::bad_length;
  if (const Error error = read_extensions(extensions, hello)) return *error;
  return hello;
}

Result<TlsRecord, TlsError> parse_tls_record(Reader& in) {
  TlsRecord record;
  std::uint8_t major = 0;
  if (!(in.u8(record.type) && in.u8(major) && in.skip(1) && in.u16(record.length)))
    return TlsError::bad_length;
  if (major != 3) return TlsError::bad_version;
  if (record.length > tls::kMaxRecord || record.length == 0) return TlsError::bad_length;
  return record;
}

Result<DtlsFragment, TlsError> parse_dtls_handshake(Reader& in) {
  std::uint8_t type = 0, major = 0;
  std::uint16_t epoch = 0;
  Reader body;
  if (!(in.u8(type) && in.u8(major) && in.skip(1) && in.u16(epoch) && in.skip(6) && prefixed<2>(in, body))) {
    return TlsError::bad_length;
  }
  if (type != tls::kHandshake || major != 254 || epoch != 0) return TlsError::bad_version;
  DtlsFragment fragment;
  std::uint32_t length = 0;
  Reader bytes;
  if (!(body.u8(fragment.message_type) && u24(body, fragment.message_length) &&
        body.u16(fragment.message_sequence) && u24(body, fragment.offset) && u24(body, length) &&
        body.sub(length, bytes))) {
    return TlsError::bad_length;
  }
  const std::size_t end = std::size_t{fragment.offset} + length;
  if (end > fragment.message_length) return TlsError::bad_length;
  fragment.bytes = bytes.rest();
  return fragment;
}

}  // namespace tollgate
