// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/base/ip.hpp"

#include <algorithm>
#include <charconv>

namespace tollgate {
namespace {

using Groups = std::array<std::uint16_t, 8>;  // an IPv6 address as its text has it

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Decimal without sign or leading zeros, no more than `limit`.
std::optional<unsigned> parse_decimal(std::string_view text, unsigned limit) {
  if (text.empty() || text.size() > 3 || !std::all_of(text.begin(), text.end(), is_digit)) return {};
  if (text.size() > 1 && text[0] == '0') return {};
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  if (value > limit) return {};
  return value;
}

std::optional<std::array<std::uint8_t, 4>> parse_quad(std::string_view text) {
  std::array<std::uint8_t, 4> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t end = i + 1 < bytes.size() ? text.find('.') : text.size();
    if (end == std::string_view::npos) return {};
    const auto value = parse_decimal(text.substr(0, end), 255);
    if (!value) return {};
    bytes[i] = static_cast<std::uint8_t>(*value);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return bytes;
}

std::optional<std::uint16_t> parse_group(std::string_view text) {
  std::uint16_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  if (text.empty() || text.size() > 4 || error != std::errc{} || stop != end) return {};
  return value;
}

// Groups with colons between them, a dotted quad as the last two if `quad_allowed`, into `out` from
// `used` on. An empty text is no groups.
bool parse_groups(std::string_view text, bool quad_allowed, Groups& out, std::size_t& used) {
  if (text.empty()) return true;
  for (;;) {
    const std::size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    const bool last = colon == std::string_view::npos;
    if (last && quad_allowed && part.find('.') != std::string_view::npos) {
      const auto quad = parse_quad(part);
      if (!quad || used + 2 > out.size()) return false;
      out[used++] = static_cast<std::uint16_t>((*quad)[0] << 8 | (*quad)[1]);
      out[used++] = static_cast<std::uint16_t>((*quad)[2] << 8 | (*quad)[3]);
      return true;
    }
    const auto group = parse_group(part);
    if (!group || used == out.size()) return false;
    out[used++] = *group;
    if (last) return true;
    text.remove_prefix(colon + 1);
  }
}

IpAddress from_groups(const Groups& groups) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    bytes[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
    bytes[2 * i + 1] = static_cast<std::uint8_t>(groups[i] & 0xff);
  }
  return IpAddress::v6(bytes);
}

std::optional<IpAddress> parse_v6(std::string_view text) {
  const std::size_t gap = text.find("::");
  const bool has_gap = gap != std::string_view::npos;
  Groups head{}, tail{};
  std::size_t head_used = 0, tail_used = 0;
  if (!parse_groups(text.substr(0, gap), !has_gap, head, head_used)) return {};
  if (!has_gap) {
    if (head_used != head.size()) return {};
    return from_groups(head);
  }
  if (!parse_groups(text.substr(gap + 2), true, tail, tail_used)) return {};
  if (head_used + tail_used >= head.size()) return {};  // "::" stands for one group at least
  std::copy_n(tail.begin(), tail_used, head.end() - static_cast<std::ptrdiff_t>(tail_used));
  return from_groups(head);
}

struct Run {
  std::size_t begin = 0;
  std::size_t length = 0;
};

// The zeros that "::" stands for: the longest run, the first of several, none of a single group
// (RFC 5952 §4.2).
Run longest_zeros(const Groups& groups) {
  Run best, current;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    current = groups[i] != 0 ? Run{i + 1, 0} : Run{current.begin, current.length + 1};
    if (current.length > best.length) best = current;
  }
  return best.length > 1 ? best : Run{};
}

template <class Bytes>
std::string quad_text(const Bytes& bytes, std::size_t from) {
  std::string text = std::to_string(bytes[from]);
  for (std::size_t i = from + 1; i < from + 4; ++i) text += '.' + std::to_string(bytes[i]);
  return text;
}

std::string hex_text(std::uint16_t group) {
  std::array<char, 4> digits{};
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), group, 16);
  return std::string(digits.data(), result.ptr);
}

std::string v6_text(const std::array<std::uint8_t, 16>& bytes) {
  Groups groups{};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i] = static_cast<std::uint16_t>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
  }
  const Run zeros = longest_zeros(groups);
  const bool mapped = zeros.begin == 0 && zeros.length == 5 && groups[5] == 0xffff;
  if (mapped) return "::ffff:" + quad_text(bytes, 12);
  std::string text;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (zeros.length > 0 && i == zeros.begin) {
      text += "::";
      i += zeros.length - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    text += hex_text(groups[i]);
  }
  return text;
}

// True when the first `length` bits are the same.
bool same_start(const std::array<std::uint8_t, 16>& a, const std::array<std::uint8_t, 16>& b,
                std::size_t length) {
  const std::size_t whole = length / 8;
  if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin())) return false;
  const std::size_t rest = length % 8;
  return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

bool host_bits_are_zero(const IpAddress& address, std::size_t length) {
  std::array<std::uint8_t, 16> network{};
  const auto& bytes = address.bytes();
  std::copy_n(bytes.begin(), length / 8, network.begin());
  if (length % 8 != 0) {
    network[length / 8] = static_cast<std::uint8_t>(bytes[length / 8] & 0xff00U >> length % 8);
  }
  return network == bytes;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return parse_v6(text);
  const auto quad = parse_quad(text);
  if (!quad) return {};
  return v4(*quad);
}

bool IpAddress::is_loopback() const {
  if (family_ == Family::ipv4) return bytes_[0] == 127;
  return bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto b) { return b == 0; });
}

bool IpAddress::is_multicast() const {
  return family_ == Family::ipv4 ? bytes_[0] >> 4 == 0xe : bytes_[0] == 0xff;
}

std::string IpAddress::to_string() const {
  return family_ == Family::ipv4 ? quad_text(bytes_, 0) : v6_text(bytes_);
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return {};
  unsigned length = address->bits();
  if (slash != std::string_view::npos) {
    const auto given = parse_decimal(text.substr(slash + 1), length);
    if (!given) return {};
    length = *given;
  }
  if (!host_bits_are_zero(*address, length)) return {};
  return Prefix{*address, static_cast<std::uint8_t>(length)};
}

bool Prefix::contains(const IpAddress& other) const {
  return other.family() == address.family() && same_start(address.bytes(), other.bytes(), length);
}

std::string Prefix::to_string() const { return address.to_string() + '/' + std::to_string(length); }

}  // namespace tollgate
