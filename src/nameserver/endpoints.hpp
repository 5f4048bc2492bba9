// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstdint>

#include "tollgate/base/ip.hpp"

namespace tollgate {

// Addresses as Asio has them, and back.
inline boost::asio::ip::address asio_address(const IpAddress& address) {
  if (address.family() == Family::ipv6) return boost::asio::ip::address_v6{address.bytes()};
  boost::asio::ip::address_v4::bytes_type bytes{};
  std::copy_n(address.bytes().begin(), bytes.size(), bytes.begin());
  return boost::asio::ip::address_v4{bytes};
}

inline IpAddress address_of(const boost::asio::ip::address& address) {
  return address.is_v4() ? IpAddress::v4(address.to_v4().to_bytes())
                         : IpAddress::v6(address.to_v6().to_bytes());
}

template <class Protocol>
typename Protocol::endpoint endpoint_of(const IpAddress& address, std::uint16_t port) {
  return {asio_address(address), port};
}

}  // namespace tollgate
