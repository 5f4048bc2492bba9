// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/inspect/tcp_side.hpp"

namespace tollgate {

StreamHead::Added TcpSide::add(const Packet& segment) {
  std::uint32_t sequence = segment.tcp_sequence;
  if ((segment.tcp_flags & tcp_flag::syn) != 0) {
    // RFC 9293 §3.4: the SYN takes a number of its own.
    if (first_ != ++sequence) {
      head_ = StreamHead{limit_};
      first_ = sequence;
    }
  }
  if (segment.payload.empty()) return StreamHead::Added::stored;
  if (!first_) first_ = sequence;
  // From where reading has come to, either way: numbers wrap (RFC 9293 §3.4).
  const auto reached = static_cast<std::uint32_t>(*first_ + head_.consumed());
  const std::int64_t from = static_cast<std::int32_t>(sequence - reached);
  std::span<const std::uint8_t> bytes = segment.payload;
  if (from >= 0) return head_.add(head_.consumed() + static_cast<std::uint64_t>(from), bytes);
  // It repeats what was read, a keep-alive for instance; there may be more behind that.
  const auto repeated = static_cast<std::uint64_t>(-from);
  if (repeated >= bytes.size()) return StreamHead::Added::stored;
  return head_.add(head_.consumed(), bytes.subspan(static_cast<std::size_t>(repeated)));
}

}  // namespace tollgate
