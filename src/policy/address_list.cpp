// SPDX-License-Identifier: GPL-2.0-or-later
#include "address_list.hpp"

namespace tollgate {

AddressList::AddressList(std::span<const Prefix> prefixes) {
  std::vector<NetworkSet<std::uint32_t>::Network> ipv4;
  std::vector<NetworkSet<std::uint64_t>::Network> ipv6;
  std::vector<NetworkSet<WideKey>::Network> ipv6_long;
  for (const Prefix& prefix : prefixes) {
    const AddressBytes& bytes = prefix.address.bytes();
    if (prefix.address.family() == Family::ipv4) {
      ipv4.push_back({ipv4_key(bytes), prefix.length});
    } else if (prefix.length <= 64) {
      ipv6.push_back({ipv6_key(bytes).high, prefix.length});
    } else {
      ipv6_long.push_back({ipv6_key(bytes), prefix.length});
    }
  }
  ipv4_ = NetworkSet<std::uint32_t>{std::move(ipv4)};
  ipv6_ = NetworkSet<std::uint64_t>{std::move(ipv6)};
  ipv6_long_ = NetworkSet<WideKey>{std::move(ipv6_long)};
}

bool AddressList::contains(const IpAddress& address) const {
  return address.family() == Family::ipv4 ? contains4(ipv4_key(address.bytes()))
                                          : contains6(ipv6_key(address.bytes()));
}

bool AddressList::has(Family family) const {
  return family == Family::ipv4 ? !ipv4_.empty() : !ipv6_.empty() || !ipv6_long_.empty();
}

}  // namespace tollgate
