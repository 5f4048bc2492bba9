// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tollgate {

enum class Family : std::uint8_t { ipv4 = 4, ipv6 = 6 };

// An IPv4 or IPv6 address. IPv4 stands in the first four bytes, the rest is zero. An IPv4-mapped
// IPv6 address (RFC 4291 §2.5.5.2) is an IPv6 address: on the wire the two are different hosts.
class IpAddress {
 public:
  constexpr IpAddress() = default;  // 0.0.0.0
  static constexpr IpAddress v4(std::array<std::uint8_t, 4> bytes) {
    IpAddress address;
    for (std::size_t i = 0; i < bytes.size(); ++i) address.bytes_[i] = bytes[i];
    return address;
  }
  static constexpr IpAddress v6(std::array<std::uint8_t, 16> bytes) {
    IpAddress address;
    address.family_ = Family::ipv6;
    address.bytes_ = bytes;
    return address;
  }
  // The text forms of inet_pton(3): dotted quad without leading zeros, RFC 4291 §2.2. No zone, no
  // brackets, no blanks.
  static std::optional<IpAddress> parse(std::string_view text);

  Family family() const { return family_; }
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  unsigned bits() const { return family_ == Family::ipv4 ? 32 : 128; }
  bool is_loopback() const;   // 127.0.0.0/8, ::1
  bool is_multicast() const;  // 224.0.0.0/4, ff00::/8
  // RFC 5952 for IPv6; an IPv4-mapped address as "::ffff:192.0.2.1" (its §5).
  std::string to_string() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  Family family_ = Family::ipv4;
  std::array<std::uint8_t, 16> bytes_{};
};

// A network: `address` with all bits past `length` zero.
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;  // 0..32 or 0..128

  // "10.0.0.0/8", "2001:db8::/32", or an address alone (a full-length prefix). Host bits that are
  // set are an error (nullopt): "10.0.0.1/8" is more often a typing error than a network.
  static std::optional<Prefix> parse(std::string_view text);
  bool contains(const IpAddress& address) const;  // false across families
  std::string to_string() const;

  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

}  // namespace tollgate
