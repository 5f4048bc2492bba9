// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace tollgate {

// The only thing that indexes untrusted bytes. Every read says whether the bytes were there; a read
// that fails changes neither the reader nor its out-parameter. Multi-byte reads are big-endian
// (network byte order) and come out in host order. The bytes must outlive the reader.
class Reader {
 public:
  Reader() = default;
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_{bytes} {}

  std::size_t remaining() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  std::span<const std::uint8_t> rest() const { return bytes_; }

  bool u8(std::uint8_t& out) {
    if (bytes_.empty()) return false;
    out = bytes_[0];
    bytes_ = bytes_.subspan(1);
    return true;
  }
  bool u16(std::uint16_t& out) {
    if (bytes_.size() < 2) return false;
    out = static_cast<std::uint16_t>(bytes_[0] << 8 | bytes_[1]);
    bytes_ = bytes_.subspan(2);
    return true;
  }
  bool u32(std::uint32_t& out) {
    if (bytes_.size() < 4) return false;
    out = static_cast<std::uint32_t>(bytes_[0]) << 24 | static_cast<std::uint32_t>(bytes_[1]) << 16 |
          static_cast<std::uint32_t>(bytes_[2]) << 8 | static_cast<std::uint32_t>(bytes_[3]);
    bytes_ = bytes_.subspan(4);
    return true;
  }
  bool skip(std::size_t count) {
    if (bytes_.size() < count) return false;
    bytes_ = bytes_.subspan(count);
    return true;
  }
  // Copies exactly out.size() bytes.
  bool copy(std::span<std::uint8_t> out) {
    if (bytes_.size() < out.size()) return false;
    if (!out.empty()) std::memcpy(out.data(), bytes_.data(), out.size());
    bytes_ = bytes_.subspan(out.size());
    return true;
  }
  // Splits off a length-prefixed field as a reader of its own.
  bool sub(std::size_t count, Reader& out) {
    if (bytes_.size() < count) return false;
    out = Reader{bytes_.first(count)};
    bytes_ = bytes_.subspan(count);
    return true;
  }
  // Forgets everything past the first `count` bytes; no effect when there are fewer.
  void truncate(std::size_t count) {
    if (count < bytes_.size()) bytes_ = bytes_.first(count);
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

}  // namespace tollgate
