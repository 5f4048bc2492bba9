// SPDX-License-Identifier: GPL-2.0-or-later
#include "socket_message.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "netlink_reader.hpp"

namespace tollgate {
namespace {

using Bytes = std::array<std::uint8_t, 16>;
constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_mapped(const Bytes& address) {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address.begin());
}
bool is_any(const Bytes& address) { return address == Bytes{}; }

Bytes unmapped(const Bytes& address) {
  Bytes v4{};
  if (is_mapped(address)) std::copy(address.begin() + 12, address.end(), v4.begin());
  return v4;
}

// ::ffff:a.b.c.d on one end, and on the other one too or nothing there yet.
void unmap(FiveTuple& tuple) {
  const bool source = is_mapped(tuple.source), destination = is_mapped(tuple.destination);
  if (!(source || destination) || !(source || is_any(tuple.source)) ||
      !(destination || is_any(tuple.destination))) {
    return;
  }
  tuple.family = Family::ipv4;
  tuple.source = unmapped(tuple.source);
  tuple.destination = unmapped(tuple.destination);
}

std::uint16_t host_order(std::uint16_t field) {
  std::array<std::uint8_t, 2> bytes{};
  std::memcpy(bytes.data(), &field, sizeof field);
  return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
}

std::optional<Protocol> protocol_attribute(Reader in) {
  NetlinkAttributes attributes{in};
  std::uint16_t type = 0;
  Reader value;
  std::uint8_t protocol = 0;
  while (attributes.next(type, value)) {
    if (type == INET_DIAG_PROTOCOL && value.u8(protocol)) return static_cast<Protocol>(protocol);
  }
  return std::nullopt;
}

}  // namespace

std::optional<SocketEntry> decode_socket(std::span<const std::uint8_t> message,
                                         std::optional<Protocol> protocol) {
  Reader in{message};
  nlmsghdr header{};
  inet_diag_msg about{};
  if (!read_struct(in, header) || header.nlmsg_type != SOCK_DIAG_BY_FAMILY || !read_struct(in, about)) {
    return std::nullopt;
  }
  if (about.idiag_family != AF_INET && about.idiag_family != AF_INET6) return std::nullopt;
  if (!protocol) protocol = protocol_attribute(in);
  if (!protocol) return std::nullopt;

  SocketEntry entry;
  const bool v4 = about.idiag_family == AF_INET;
  FiveTuple& tuple = entry.tuple;
  tuple.protocol = *protocol;
  tuple.family = v4 ? Family::ipv4 : Family::ipv6;
  std::memcpy(tuple.source.data(), about.id.idiag_src, v4 ? 4 : 16);
  std::memcpy(tuple.destination.data(), about.id.idiag_dst, v4 ? 4 : 16);
  tuple.source_port = host_order(about.id.idiag_sport);
  tuple.destination_port = host_order(about.id.idiag_dport);
  if (!v4) unmap(tuple);
  entry.state = about.idiag_state;
  entry.uid = about.idiag_uid;
  entry.inode = about.idiag_inode;
  entry.interface = about.id.idiag_if;
  entry.cookie = std::uint64_t{about.id.idiag_cookie[1]} << 32 | about.id.idiag_cookie[0];
  return entry;
}

}  // namespace tollgate
