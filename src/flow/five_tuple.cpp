// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/flow/five_tuple.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>

namespace tollgate {
namespace {

// Request and answer of the ICMP messages that come in pairs (RFC 792; RFC 950; RFC 4443 §4).
struct IcmpPair {
  std::uint8_t request, answer;
};
constexpr IcmpPair kIcmpPairs[] = {{8, 0}, {13, 14}, {15, 16}, {17, 18}};
constexpr IcmpPair kIcmpv6Pairs[] = {{128, 129}};

std::uint8_t answering_type(Protocol protocol, std::uint8_t type) {
  const auto look = [type](const auto& pairs) {
    for (const IcmpPair& pair : pairs) {
      if (type == pair.request) return pair.answer;
      if (type == pair.answer) return pair.request;
    }
    return type;
  };
  return protocol == Protocol::icmp ? look(kIcmpPairs) : look(kIcmpv6Pairs);
}

std::uint64_t random_word() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

struct HashSeed {
  std::uint64_t a = random_word(), b = random_word(), c = random_word();
};

// A multiply-and-fold hash over the seeded words: a flood's author sees no collisions to choose.
std::uint64_t fold(std::uint64_t x, std::uint64_t y) {
  using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(x) * y;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t word_at(const std::array<std::uint8_t, 16>& bytes, std::size_t offset) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + offset, sizeof word);
  return word;
}

std::size_t hash_of(const FiveTuple& tuple) {
  static const HashSeed seed;
  const std::uint64_t rest =
      std::uint64_t{tuple.source_port} << 32 | std::uint64_t{tuple.destination_port} << 16 |
      std::uint64_t{static_cast<std::uint8_t>(tuple.protocol)} << 8 | static_cast<std::uint8_t>(tuple.family);
  std::uint64_t hash = fold(word_at(tuple.source, 0) ^ seed.a, word_at(tuple.destination, 0) ^ seed.b);
  if (tuple.family == Family::ipv6) {
    hash ^= fold(word_at(tuple.source, 8) ^ seed.b, word_at(tuple.destination, 8) ^ seed.c);
  }
  return static_cast<std::size_t>(fold(hash ^ seed.c, rest ^ seed.a));
}

IpAddress address_of(Family family, const std::array<std::uint8_t, 16>& bytes) {
  if (family == Family::ipv6) return IpAddress::v6(bytes);
  return IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
}

std::string end_to_string(const IpAddress& address, std::uint16_t port) {
  const std::string text = address.to_string();
  return (address.family() == Family::ipv6 ? "[" + text + "]" : text) + ":" + std::to_string(port);
}

}  // namespace

FiveTuple FiveTuple::of(const Endpoints& endpoints) {
  FiveTuple tuple;
  tuple.source = endpoints.source.bytes();
  tuple.destination = endpoints.destination.bytes();
  tuple.protocol = endpoints.protocol;
  tuple.family = endpoints.source.family();
  if (is_icmp(endpoints.protocol)) {
    tuple.source_port = endpoints.icmp.id;
    tuple.destination_port = static_cast<std::uint16_t>(endpoints.icmp.type << 8 | endpoints.icmp.code);
  } else {
    tuple.source_port = endpoints.source_port;
    tuple.destination_port = endpoints.destination_port;
  }
  return tuple;
}

IpAddress FiveTuple::source_address() const { return address_of(family, source); }
IpAddress FiveTuple::destination_address() const { return address_of(family, destination); }

FiveTuple FiveTuple::reversed() const {
  FiveTuple other = *this;
  std::swap(other.source, other.destination);
  if (is_icmp(protocol)) {
    const auto type = static_cast<std::uint8_t>(destination_port >> 8);
    const auto code = static_cast<std::uint8_t>(destination_port & 0xff);
    other.destination_port = static_cast<std::uint16_t>(answering_type(protocol, type) << 8 | code);
  } else {
    std::swap(other.source_port, other.destination_port);
  }
  return other;
}

std::string FiveTuple::to_string() const {
  const std::string name = tollgate::to_string(protocol);
  if (is_icmp(protocol)) {
    return name + " " + source_address().to_string() + " > " + destination_address().to_string() + " type " +
           std::to_string(destination_port >> 8) + " code " + std::to_string(destination_port & 0xff) +
           (source_port != 0 ? " id " + std::to_string(source_port) : "");
  }
  if (!has_ports(protocol)) {
    return name + " " + source_address().to_string() + " > " + destination_address().to_string();
  }
  return name + " " + end_to_string(source_address(), source_port) + " > " +
         end_to_string(destination_address(), destination_port);
}

FlowKey::FlowKey(const FiveTuple& tuple) : canonical_{tuple} {
  const int order = std::memcmp(tuple.source.data(), tuple.destination.data(), tuple.source.size());
  // ICMP between equal addresses: the request's type is the one that counts.
  const bool by_port = is_icmp(tuple.protocol) ? tuple.reversed().destination_port > tuple.destination_port
                                               : tuple.source_port > tuple.destination_port;
  swapped_ = order > 0 || (order == 0 && by_port);
  if (swapped_) canonical_ = tuple.reversed();
  hash_ = hash_of(canonical_);
}

}  // namespace tollgate
