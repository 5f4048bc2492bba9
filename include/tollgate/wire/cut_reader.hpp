// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tollgate/base/reader.hpp"
#include "tollgate/wire/parse_error.hpp"

namespace tollgate {

// Reads a packet of which only the first bytes may have been copied. It counts what was on the wire
// and what is here apart, so that a packet that is too short and a copy that is too short are told
// apart. The bytes must outlive the reader.
class CutReader {
 public:
  CutReader(std::span<const std::uint8_t> bytes, std::size_t wire_length)
      : in_{bytes}, absent_{wire_length > bytes.size() ? wire_length - bytes.size() : 0} {}

  std::size_t on_wire() const { return in_.remaining() + absent_; }  // copied or not
  std::span<const std::uint8_t> rest() const { return in_.rest(); }  // copied

  // Splits off the next `count` bytes; false, and nothing changed, when they are not all here.
  bool take(std::size_t count, Reader& out) { return in_.sub(count, out); }
  // The same without moving on.
  bool peek(std::size_t count, Reader& out) const {
    Reader ahead = in_;
    return ahead.sub(count, out);
  }
  // Why `count` bytes could not be taken.
  ParseError lacking(std::size_t count) const {
    return on_wire() < count ? ParseError::truncated : ParseError::beyond_copy_range;
  }
  // Moves past `count` bytes that nobody needs to see; false when the wire had fewer.
  bool skip(std::size_t count) {
    if (on_wire() < count) return false;
    const std::size_t here = std::min(count, in_.remaining());
    absent_ -= count - here;
    return in_.skip(here);
  }
  // The layer ends `count` bytes from here; no effect when it ends before.
  void end_at(std::size_t count) {
    absent_ = count <= in_.remaining() ? 0 : std::min(absent_, count - in_.remaining());
    in_.truncate(count);
  }

 private:
  Reader in_;
  std::size_t absent_;  // bytes after in_ that were on the wire and not copied
};

}  // namespace tollgate
