// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <ostream>
#include <span>
#include <string>
#include <utility>

#include "catch.hpp"
#include "packet_builder.hpp"
#include "tollgate/wire/packet.hpp"

namespace tollgate {

inline std::ostream& operator<<(std::ostream& out, ParseError error) { return out << to_string(error); }

}  // namespace tollgate

namespace tollgate::test {

// A packet with the bytes that its views point into. Not to be copied: the views would stay behind.
struct OwnedPacket : Packet {
  explicit OwnedPacket(Bytes from) : bytes{std::move(from)} {}
  OwnedPacket(OwnedPacket&&) = default;
  Bytes bytes;
};

// The packet, or a failed test that says why there is none.
inline OwnedPacket parsed(Bytes bytes, std::size_t wire_length) {
  OwnedPacket packet{std::move(bytes)};
  const auto result = parse_packet(packet.bytes, wire_length);
  if (!result) FAIL("not parsed: " << to_string(result.error()));
  static_cast<Packet&>(packet) = *result;
  return packet;
}
inline OwnedPacket parsed(Bytes bytes) {
  const std::size_t wire_length = bytes.size();
  return parsed(std::move(bytes), wire_length);
}

// The error, or "" when the packet was parsed.
inline std::string error_of(std::span<const std::uint8_t> bytes, std::size_t wire_length) {
  const auto result = parse_packet(bytes, wire_length);
  return result ? std::string{} : std::string{to_string(result.error())};
}
inline std::string error_of(std::span<const std::uint8_t> bytes) { return error_of(bytes, bytes.size()); }

inline std::string text_of(std::span<const std::uint8_t> bytes) {
  return std::string(bytes.begin(), bytes.end());
}

// The first `count` bytes.
inline std::span<const std::uint8_t> head(const Bytes& bytes, std::size_t count) {
  return std::span{bytes}.first(count);
}

}  // namespace tollgate::test
