// SPDX-License-Identifier: GPL-2.0-or-later
#include "address_range.hpp"

#include "address_key.hpp"

namespace tollgate {
namespace {

IpAddress address_of(std::uint32_t key) {
  return IpAddress::v4({static_cast<std::uint8_t>(key >> 24), static_cast<std::uint8_t>(key >> 16),
                        static_cast<std::uint8_t>(key >> 8), static_cast<std::uint8_t>(key)});
}

IpAddress address_of(const WideKey& key) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<std::uint8_t>(key.high >> (56 - 8 * i));
    bytes[8 + i] = static_cast<std::uint8_t>(key.low >> (56 - 8 * i));
  }
  return IpAddress::v6(bytes);
}

bool begins_network(std::uint32_t key, unsigned length) {
  return (key & host_bits<std::uint32_t>(length)) == 0;
}

bool begins_network(const WideKey& key, unsigned length) {
  const WideKey host = host_bits<WideKey>(length);
  return (key.high & host.high) == 0 && (key.low & host.low) == 0;
}

template <class Key>
std::vector<Prefix> cover(Key first, const Key& last) {
  std::vector<Prefix> networks;
  while (true) {
    unsigned length = kKeyBits<Key>;
    while (length > 0 && begins_network(first, length - 1) && last_of_network(first, length - 1) <= last)
      --length;
    networks.push_back({address_of(first), static_cast<std::uint8_t>(length)});
    const Key end = last_of_network(first, length);
    if (end == last) return networks;
    first = successor(end);
  }
}

}  // namespace

std::optional<std::vector<Prefix>> parse_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return {};
  const auto first = IpAddress::parse(text.substr(0, dash)), last = IpAddress::parse(text.substr(dash + 1));
  if (!first || !last || first->family() != last->family() || *last < *first) return {};
  if (first->family() == Family::ipv4) return cover(ipv4_key(first->bytes()), ipv4_key(last->bytes()));
  return cover(ipv6_key(first->bytes()), ipv6_key(last->bytes()));
}

}  // namespace tollgate
