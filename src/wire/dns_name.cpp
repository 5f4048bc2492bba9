// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/dns_name.hpp"

#include <charconv>

namespace tollgate {
namespace {

std::uint8_t lower(std::uint8_t byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte + ('a' - 'A')) : byte;
}

void append_escaped(std::string& text, std::uint8_t byte) {
  if (byte == '.' || byte == '\\') {
    text += '\\';
  } else if (byte <= ' ' || byte > '~') {
    text += '\\';
    text += static_cast<char>('0' + byte / 100);
    text += static_cast<char>('0' + byte / 10 % 10);
    text += static_cast<char>('0' + byte % 10);
    return;
  }
  text += static_cast<char>(byte);
}

// What a backslash stands for; `text` is behind it and is left behind what was read.
std::optional<std::uint8_t> unescape(std::string_view& text) {
  if (text.empty()) return {};
  if (text[0] < '0' || text[0] > '9') {
    const auto byte = static_cast<std::uint8_t>(text[0]);
    text.remove_prefix(1);
    return byte;
  }
  std::uint8_t byte = 0;
  const char* const end = text.data() + std::min<std::size_t>(3, text.size());
  const auto [stop, error] = std::from_chars(text.data(), end, byte);
  if (error != std::errc{} || stop != text.data() + 3) return {};
  text.remove_prefix(3);
  return byte;
}

}  // namespace

std::string_view to_string(DnsError error) {
  switch (error) {
    case DnsError::truncated:
      return "truncated";
    case DnsError::bad_label:
      return "bad_label";
    case DnsError::bad_pointer:
      return "bad_pointer";
    case DnsError::long_name:
      return "long_name";
    case DnsError::bad_data:
      return "bad_data";
    case DnsError::too_many:
      return "too_many";
  }
  return "";
}

bool DnsName::append(std::span<const std::uint8_t> label) {
  if (label.empty() || label.size() > kMaxDnsLabel || size_ + 1 + label.size() > kMaxDnsName) return false;
  std::uint8_t* out = bytes_.data() + size_ - 1;
  *out++ = static_cast<std::uint8_t>(label.size());
  for (const std::uint8_t byte : label) *out++ = lower(byte);
  *out = 0;
  size_ = static_cast<std::uint8_t>(size_ + 1 + label.size());
  return true;
}

std::optional<DnsName> DnsName::parse(std::string_view text) {
  DnsName name;
  std::array<std::uint8_t, kMaxDnsLabel> label{};
  std::size_t used = 0;
  while (!text.empty()) {
    auto byte = static_cast<std::uint8_t>(text[0]);
    text.remove_prefix(1);
    if (byte == '.') {
      if (!name.append({label.data(), used})) return {};
      used = 0;
      continue;
    }
    if (byte == '\\') {
      const auto meant = unescape(text);
      if (!meant) return {};
      byte = *meant;
    }
    if (used == label.size()) return {};
    label[used++] = byte;
  }
  if (used > 0 && !name.append({label.data(), used})) return {};
  return name;
}

std::string DnsName::text() const {
  std::string text;
  text.reserve(size_);
  for (std::size_t at = 0; bytes_[at] != 0; at += std::size_t{bytes_[at]} + 1) {
    if (at != 0) text += '.';
    for (const std::uint8_t byte : bytes().subspan(at + 1, bytes_[at])) append_escaped(text, byte);
  }
  return text;
}

std::span<const std::uint8_t> DnsName::first_label() const { return {bytes_.data() + 1, bytes_[0]}; }

DnsName DnsName::parent() const {
  if (is_root()) return *this;
  DnsName up;
  const std::size_t skipped = std::size_t{bytes_[0]} + 1;
  up.size_ = static_cast<std::uint8_t>(size_ - skipped);
  std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(skipped), up.size_, up.bytes_.begin());
  return up;
}

bool DnsName::is_within(const DnsName& other) const {
  if (other.size_ > size_) return false;
  const std::size_t head = std::size_t{size_} - other.size_;
  std::size_t at = 0;
  while (at < head) at += std::size_t{bytes_[at]} + 1;
  return at == head && std::ranges::equal(bytes().subspan(head), other.bytes());
}

std::optional<DnsName> DnsName::with_suffix_replaced(const DnsName& owner, const DnsName& target) const {
  if (!is_within(owner)) return {};
  DnsName changed;
  const auto add = [&changed](std::span<const std::uint8_t> labels) {
    for (std::size_t at = 0; at < labels.size(); at += std::size_t{labels[at]} + 1) {
      if (!changed.append(labels.subspan(at + 1, labels[at]))) return false;
    }
    return true;
  };
  const bool fits = add(bytes().first(std::size_t{size_} - owner.size_)) &&
                    add(target.bytes().first(target.size_ - std::size_t{1}));
  if (!fits) return {};
  return changed;
}

std::optional<DnsError> read_dns_name(Reader message, std::size_t position, Reader& in, DnsName& out) {
  constexpr std::uint8_t kKind = 0xc0;
  out = DnsName{};
  Reader at = in;
  std::size_t lowest = position;
  for (unsigned pointers = 0;;) {
    std::uint8_t length = 0;
    if (!at.u8(length)) return DnsError::truncated;
    if (length == 0) break;
    if ((length & kKind) == 0) {
      Reader label;
      if (!at.sub(length, label)) return DnsError::truncated;
      if (!out.append(label.rest())) return DnsError::long_name;
      continue;
    }
    std::uint8_t low = 0;
    if ((length & kKind) != kKind) return DnsError::bad_label;
    if (!at.u8(low)) return DnsError::truncated;
    const std::size_t target = (length & ~std::size_t{kKind}) << 8 | low;
    if (target >= lowest || pointers == kMaxDnsPointers) return DnsError::bad_pointer;
    if (pointers++ == 0) in = at;
    lowest = target;
    at = message;
    if (!at.skip(target)) return DnsError::bad_pointer;
  }
  // Without a pointer the name ends where the reading does; with one, behind the first.
  if (lowest == position) in = at;
  return {};
}

}  // namespace tollgate
