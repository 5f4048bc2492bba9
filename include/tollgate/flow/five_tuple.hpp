// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "tollgate/base/ip.hpp"
#include "tollgate/wire/packet.hpp"
#include "tollgate/wire/protocol.hpp"

namespace tollgate {

// A flow's identity in the direction of its first packet, in 38 bytes. For ICMP the "ports" are the
// echo ID (source) and type·256 + code (destination): the six-tuple of DESIGN.md §1.
struct FiveTuple {
  std::array<std::uint8_t, 16> source{};
  std::array<std::uint8_t, 16> destination{};
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  Protocol protocol = Protocol::tcp;
  Family family = Family::ipv4;

  static FiveTuple of(const Endpoints& endpoints);
  IpAddress source_address() const;
  IpAddress destination_address() const;
  // The same flow seen from the other end. For ICMP the type becomes that of the answer where one
  // is defined (echo, timestamp, information, address mask; ICMPv6 echo), else it stays.
  FiveTuple reversed() const;
  // "tcp 10.0.0.1:4711 > [2001:db8::1]:443", "icmp 10.0.0.1 > 10.0.0.2 type 8 code 0 id 77".
  std::string to_string() const;

  // All its bytes count and none is padding (asserted below), so a few wide loads compare it.
  friend bool operator==(const FiveTuple& a, const FiveTuple& b) {
    return std::memcmp(&a, &b, sizeof(FiveTuple)) == 0;
  }
};
static_assert(std::has_unique_object_representations_v<FiveTuple> && sizeof(FiveTuple) == 38);

// The tuple with its two ends in a fixed order, so that both directions of a flow have one key.
// Seeded per process: whoever chooses addresses and ports cannot choose collisions.
class FlowKey {
 public:
  explicit FlowKey(const FiveTuple& tuple);
  const FiveTuple& canonical() const { return canonical_; }
  // True when the tuple that made this key had its ends exchanged to get here.
  bool swapped() const { return swapped_; }
  std::size_t hash() const { return hash_; }

  friend bool operator==(const FlowKey& a, const FlowKey& b) { return a.canonical_ == b.canonical_; }

 private:
  FiveTuple canonical_;
  std::size_t hash_;
  bool swapped_;
};

}  // namespace tollgate
