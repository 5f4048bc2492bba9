// SPDX-License-Identifier: GPL-2.0-or-later
#include "socket_tuple.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace tollgate {
namespace {

struct Name {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  sockaddr* address() { return reinterpret_cast<sockaddr*>(&storage); }
};

template <class Address>
Address as(const Name& name) {
  Address address;
  std::memcpy(&address, &name.storage, sizeof address);
  return address;
}

// The two ends of one socket have one family.
void take4(const Name& from, std::array<std::uint8_t, 16>& bytes, std::uint16_t& port) {
  const auto address = as<sockaddr_in>(from);
  std::memcpy(bytes.data(), &address.sin_addr, 4);
  port = ntohs(address.sin_port);
}

void take6(const Name& from, std::array<std::uint8_t, 16>& bytes, std::uint16_t& port) {
  const auto address = as<sockaddr_in6>(from);
  std::memcpy(bytes.data(), &address.sin6_addr, 16);
  port = ntohs(address.sin6_port);
}

}  // namespace

std::optional<FiveTuple> connected_tuple(int socket) {
  int type = 0;
  socklen_t length = sizeof type;
  Name ours, theirs;
  bool told = ::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
              ::getsockname(socket, ours.address(), &ours.length) == 0;
  // SO_PEERNAME, unlike getpeername(2), tells it of a connection that is still being made; and it wants the
  // length that it gives (net/core/sock.c).
  theirs.length = ours.length;
  told = told && ::getsockopt(socket, SOL_SOCKET, SO_PEERNAME, theirs.address(), &theirs.length) == 0;
  if (!told || (type != SOCK_STREAM && type != SOCK_DGRAM)) return std::nullopt;
  FiveTuple tuple;
  tuple.protocol = type == SOCK_STREAM ? Protocol::tcp : Protocol::udp;
  switch (ours.storage.ss_family) {
    case AF_INET:
      tuple.family = Family::ipv4;
      take4(ours, tuple.source, tuple.source_port);
      take4(theirs, tuple.destination, tuple.destination_port);
      return tuple;
    case AF_INET6:
      tuple.family = Family::ipv6;
      take6(ours, tuple.source, tuple.source_port);
      take6(theirs, tuple.destination, tuple.destination_port);
      return tuple;
  }
  return std::nullopt;
}

}  // namespace tollgate
