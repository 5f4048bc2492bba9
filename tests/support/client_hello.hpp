// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>
#include <vector>

#include "packet_builder.hpp"
#include "tollgate/wire/tls.hpp"

namespace tollgate::test {

// Makes ClientHellos (RFC 8446 §4.1.2).
class HelloBuilder {
 public:
  HelloBuilder& extension(std::size_t type, const Bytes& data) {
    extensions_.u16(type).u16(data.size()).add(data);
    return *this;
  }
  HelloBuilder& server_name(std::string_view name) {
    const Bytes bytes = bytes_of(name);
    return extension(0, ByteWriter{}.u16(bytes.size() + 3).u8(0).u16(bytes.size()).add(bytes).bytes());
  }
  HelloBuilder& alpn(const std::vector<std::string_view>& names) {
    ByteWriter list;
    for (const std::string_view name : names) list.u8(name.size()).add(bytes_of(name));
    return extension(16, ByteWriter{}.u16(list.size()).add(list.bytes()).bytes());
  }
  Bytes body(TlsTransport transport = TlsTransport::stream) const {
    ByteWriter out;
    out.u16(transport == TlsTransport::stream ? 0x0303 : 0xfefd).zeros(32).u8(0);
    if (transport == TlsTransport::datagram) out.u8(0);
    out.u16(2).u16(0x1301).u8(1).u8(0).u16(extensions_.size()).add(extensions_.bytes());
    return out.bytes();
  }
  // With the handshake header.
  Bytes message() const {
    const Bytes hello = body();
    return ByteWriter{}.u8(tls::kClientHello).u8(0).u16(hello.size()).add(hello).bytes();
  }
  // In records of at most `size` bytes.
  Bytes records(std::size_t size = tls::kMaxRecord) const {
    ByteWriter out;
    const Bytes all = message();
    for (std::span<const std::uint8_t> rest = all; !rest.empty();) {
      const auto piece = rest.first(std::min(size, rest.size()));
      out.u8(tls::kHandshake).u16(0x0301).u16(piece.size()).add(piece);
      rest = rest.subspan(piece.size());
    }
    return out.bytes();
  }

 private:
  ByteWriter extensions_;
};

}  // namespace tollgate::test
