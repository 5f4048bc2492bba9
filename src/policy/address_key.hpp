// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "tollgate/base/ip.hpp"

namespace tollgate {

// Addresses as unsigned numbers, so that networks are ranges of them. Everything that is looked up
// here is one of: a 32-bit number (IPv4, ports, ids), a 64-bit one (the network half of IPv6), or
// this.
struct WideKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const WideKey&, const WideKey&) = default;
};

using AddressBytes = std::array<std::uint8_t, 16>;

constexpr std::uint64_t big_endian(const AddressBytes& bytes, std::size_t from, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = from; i < from + count; ++i) value = value << 8 | bytes[i];
  return value;
}

constexpr std::uint32_t ipv4_key(const AddressBytes& bytes) {
  return static_cast<std::uint32_t>(big_endian(bytes, 0, 4));
}
constexpr WideKey ipv6_key(const AddressBytes& bytes) {
  return {big_endian(bytes, 0, 8), big_endian(bytes, 8, 8)};
}

template <class Key>
inline constexpr unsigned kKeyBits = std::numeric_limits<Key>::digits;
template <>
inline constexpr unsigned kKeyBits<WideKey> = 128;

// The bits past the first `length`, all set: what the addresses of one network differ in.
template <class Key>
constexpr Key host_bits(unsigned length) {
  constexpr Key ones = std::numeric_limits<Key>::max();
  return length == 0 ? ones : length >= kKeyBits<Key> ? Key{0} : static_cast<Key>(ones >> length);
}
template <>
constexpr WideKey host_bits<WideKey>(unsigned length) {
  return {host_bits<std::uint64_t>(length), host_bits<std::uint64_t>(length > 64 ? length - 64 : 0)};
}

template <class Key>
constexpr Key last_of_network(Key first, unsigned length) {
  return first | host_bits<Key>(length);
}
template <>
constexpr WideKey last_of_network(WideKey first, unsigned length) {
  const WideKey host = host_bits<WideKey>(length);
  return {first.high | host.high, first.low | host.low};
}

// Only for keys that are not the greatest.
template <class Key>
constexpr Key successor(Key key) {
  return key + 1;
}
template <>
constexpr WideKey successor(WideKey key) {
  return {key.high + (key.low + 1 == 0 ? 1 : 0), key.low + 1};
}

}  // namespace tollgate
