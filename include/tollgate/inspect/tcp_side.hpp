// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tollgate/inspect/stream_head.hpp"
#include "tollgate/wire/packet.hpp"

namespace tollgate {

// What one end of a TCP connection sends, from its first byte on: behind its SYN, or where we came in.
class TcpSide {
 public:
  // See StreamHead: how much is kept that was not consumed.
  explicit TcpSide(std::size_t limit) : limit_{limit}, head_{limit} {}

  // Its SYN had this sequence number, and is not shown here.
  void opened_by(std::uint32_t syn) { first_ = syn + 1; }
  // A segment of this side, SYN included. A SYN with another number begins another stream.
  StreamHead::Added add(const Packet& segment);

  std::span<const std::uint8_t> prefix() const { return head_.prefix(); }
  void consume(std::size_t count) { head_.consume(count); }
  bool full() const { return head_.full(); }

 private:
  std::size_t limit_;
  std::optional<std::uint32_t> first_;  // sequence number of the first byte
  StreamHead head_;
};

}  // namespace tollgate
