// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tollgate/base/reader.hpp"
#include "tollgate/wire/dns_error.hpp"

namespace tollgate {

inline constexpr std::size_t kMaxDnsName = 255;  // bytes on the wire, RFC 1035 §2.3.4
inline constexpr std::size_t kMaxDnsLabel = 63;
// Names point back at most as often as they may have labels; more is an attack on our time.
inline constexpr unsigned kMaxDnsPointers = 127;

// A domain name as the wire has it: labels with their lengths, uncompressed, ASCII letters in lower
// case (RFC 4343), so that two names are the same when their bytes are. Labels may hold any bytes.
class DnsName {
 public:
  DnsName() = default;  // the root

  // Dots between labels, "\." and "\\" for those characters in a label, "\DDD" (decimal) for bytes
  // that are not printable ASCII (RFC 4343 §2.1). One dot at the end is ignored; "" is the root.
  // nullopt: an empty label, or one or all too long.
  static std::optional<DnsName> parse(std::string_view text);
  // The inverse, without a dot at the end.
  std::string text() const;

  bool is_root() const { return size_ == 1; }
  // Below `other`, or `other` itself. Everything is within the root.
  bool is_within(const DnsName& other) const;
  // With `owner`, within which it has to be, replaced by `target` (RFC 6672 §2.2); nullopt: too long.
  std::optional<DnsName> with_suffix_replaced(const DnsName& owner, const DnsName& target) const;
  // Without its first label; the root stays the root.
  DnsName parent() const;
  // The bytes of the first label; empty for the root.
  std::span<const std::uint8_t> first_label() const;
  std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size_}; }

  // Puts a label behind the others; false when it is empty or it or the name gets too long.
  bool append(std::span<const std::uint8_t> label);

  friend bool operator==(const DnsName& a, const DnsName& b) {
    return std::ranges::equal(a.bytes(), b.bytes());
  }

 private:
  std::array<std::uint8_t, kMaxDnsName> bytes_{};
  std::uint8_t size_ = 1;  // the final zero is always there
};

// Reads the name at `position` of `message` (RFC 1035 §4.1.4), where `in` stands, and leaves `in`
// behind it. Each pointer has to point lower than the one before it (the first: than the name), so
// that every name ends.
std::optional<DnsError> read_dns_name(Reader message, std::size_t position, Reader& in, DnsName& out);

}  // namespace tollgate
