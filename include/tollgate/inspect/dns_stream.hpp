// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tollgate/base/reader.hpp"
#include "tollgate/inspect/tcp_side.hpp"

namespace tollgate {

// The messages of one side of DNS over TCP (RFC 1035 §4.2.2), each with two bytes of length in front.
class DnsStream {
 public:
  // Calls message(bytes) for every message that this segment completes, in order. Where bytes are
  // missing that do not come again, there is nothing more to be had from this side.
  template <class OnMessage>
  void add(const Packet& segment, OnMessage&& message) {
    if (side_.add(segment) != StreamHead::Added::grown) return;
    while (const std::optional<std::size_t> length = complete()) {
      message(side_.prefix().subspan(kLength, *length));
      side_.consume(kLength + *length);
    }
  }

 private:
  static constexpr std::size_t kLength = 2;

  std::optional<std::size_t> complete() const {
    Reader in{side_.prefix()};
    std::uint16_t length = 0;
    if (!in.u16(length) || in.remaining() < length) return {};
    return length;
  }

  TcpSide side_{kLength + 0xffff};
};

}  // namespace tollgate
