// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "address_key.hpp"
#include "sorted_keys.hpp"
#include "tollgate/base/ip.hpp"

namespace tollgate {

// A set of networks of one key width. Networks inside others are dropped, so that those that are
// left are disjoint, and one search finds the only one that can hold a key.
template <class Key>
class NetworkSet {
 public:
  struct Network {
    Key first;
    std::uint8_t length;
    friend auto operator<=>(const Network&, const Network&) = default;
  };

  NetworkSet() = default;
  explicit NetworkSet(std::vector<Network> networks) {
    std::ranges::sort(networks);  // of one first key, the widest first
    std::vector<Key> firsts;
    for (const Network& network : networks) {
      const bool inside = !firsts.empty() && network.first <= last_of_network(firsts.back(), lengths_.back());
      if (inside) continue;
      firsts.push_back(network.first);
      lengths_.push_back(network.length);
    }
    lengths_.shrink_to_fit();
    firsts_ = SortedKeys<Key>{std::move(firsts)};
  }

  bool empty() const { return lengths_.empty(); }
  friend bool operator==(const NetworkSet&, const NetworkSet&) = default;
  std::size_t size() const { return lengths_.size(); }
  std::size_t bytes() const { return firsts_.bytes() + lengths_.capacity(); }
  bool contains(const Key& key) const {
    const std::size_t at = firsts_.last_not_above(key);
    return at != SortedKeys<Key>::kNone && key <= last_of_network(firsts_[at], lengths_[at]);
  }

 private:
  SortedKeys<Key> firsts_;
  std::vector<std::uint8_t> lengths_;
};

// Up to millions of networks of both families: 5 bytes for an IPv4 one, 9 for an IPv6 one up to
// /64, 17 for a longer one, and a 64th of it more for the search.
class AddressList {
 public:
  AddressList() = default;
  explicit AddressList(std::span<const Prefix> prefixes);

  bool contains4(std::uint32_t key) const { return ipv4_.contains(key); }
  bool contains6(const WideKey& key) const { return ipv6_.contains(key.high) || ipv6_long_.contains(key); }
  bool contains(const IpAddress& address) const;

  bool has(Family family) const;
  // Both hold the same addresses of this family, written in the same networks.
  bool same(const AddressList& other, Family family) const {
    if (family == Family::ipv4) return ipv4_ == other.ipv4_;
    return ipv6_ == other.ipv6_ && ipv6_long_ == other.ipv6_long_;
  }
  std::size_t size() const { return ipv4_.size() + ipv6_.size() + ipv6_long_.size(); }
  std::size_t bytes() const { return ipv4_.bytes() + ipv6_.bytes() + ipv6_long_.bytes(); }

 private:
  NetworkSet<std::uint32_t> ipv4_;
  NetworkSet<std::uint64_t> ipv6_;  // up to /64
  NetworkSet<WideKey> ipv6_long_;
};

}  // namespace tollgate
