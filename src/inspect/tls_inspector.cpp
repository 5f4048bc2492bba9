// SPDX-License-Identifier: GPL-2.0-or-later
#include <optional>
#include <vector>

#include "hello_findings.hpp"
#include "tollgate/inspect/inspectors.hpp"
#include "tollgate/wire/tls.hpp"

namespace tollgate {
namespace {

// The length of the ClientHello that `message` begins with, its header included; nullopt before that
// is there. `is_hello` says whether it can be one.
std::optional<std::size_t> hello_length(Reader message, bool& is_hello) {
  std::uint8_t type = tls::kClientHello, high = 0;
  std::uint16_t low = 0;
  message.u8(type);
  is_hello = type == tls::kClientHello;
  if (!message.u8(high) || !message.u16(low)) return {};
  return tls::kHandshakeHeader + (std::size_t{high} << 16 | low);
}

Inspected broken(Findings& out) {
  out.protocol = Spoken::tls;
  out.malformed = true;
  return {Finding::malformed, 0};
}

Inspected read_hello(std::span<const std::uint8_t> message, Findings& out) {
  const auto hello = parse_client_hello(message.subspan(tls::kHandshakeHeader));
  if (!hello) return broken(out);
  out.protocol = Spoken::tls;
  take_hello(*hello, out);
  return {Finding::found, 0};
}

// What the first two bytes already rule out.
bool may_be_tls(Reader in) {
  std::uint8_t type = tls::kHandshake, major = 3;
  in.u8(type);
  in.u8(major);
  return type == tls::kHandshake && major == 3;
}

}  // namespace

Inspected inspect_tls(StreamBytes client, Findings& out) {
  if (!may_be_tls(Reader{client})) return {Finding::not_this, 0};
  std::vector<std::uint8_t> message;  // handshake bytes of all records so far
  for (Reader in{client};;) {
    const std::size_t read = client.size() - in.remaining();
    const bool first = read == 0;
    if (in.remaining() < tls::kRecordHeader) return {Finding::need_more, read + tls::kRecordHeader};
    const Result<TlsRecord, TlsError> record = parse_tls_record(in);
    if (!record || record->type != tls::kHandshake) {
      return first ? Inspected{Finding::not_this, 0} : broken(out);
    }
    Reader fragment = in;
    fragment.truncate(record->length);
    const auto bytes = fragment.rest();
    message.insert(message.end(), bytes.begin(), bytes.end());
    bool is_hello = true;
    const auto length = hello_length(Reader{message}, is_hello);
    if (!is_hello) return first ? Inspected{Finding::not_this, 0} : broken(out);
    if (length && *length > tls::kMaxRecord) return broken(out);
    if (!in.skip(record->length)) {
      return {Finding::need_more, read + tls::kRecordHeader + record->length};
    }
    if (length && message.size() >= *length) {
      return read_hello(std::span{message}.first(*length), out);
    }
  }
}

}  // namespace tollgate
