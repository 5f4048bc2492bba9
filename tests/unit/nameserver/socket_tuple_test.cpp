// SPDX-License-Identifier: GPL-2.0-or-later
#include "nameserver/socket_tuple.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "catch.hpp"

namespace tollgate {
namespace {

struct Socket {
  Socket(int family, int type) : fd{::socket(family, type, 0)} { REQUIRE(fd >= 0); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { ::close(fd); }
  int fd;
};

sockaddr_in on_loopback(std::uint16_t port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return to;
}

TEST_CASE("a connected socket of UDP has a tuple, one that is not has none") {
  const Socket socket{AF_INET, SOCK_DGRAM};
  CHECK_FALSE(connected_tuple(socket.fd));
  const sockaddr_in to = on_loopback(9);
  REQUIRE(::connect(socket.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  const auto tuple = connected_tuple(socket.fd);
  REQUIRE(tuple);
  CHECK(tuple->protocol == Protocol::udp);
  CHECK(tuple->source_address().to_string() == "127.0.0.1");
  CHECK(tuple->source_port != 0);
  CHECK(tuple->destination_address().to_string() == "127.0.0.1");
  CHECK(tuple->destination_port == 9);
}

TEST_CASE("so has a connection of TCP, at both ends") {
  const Socket listening{AF_INET, SOCK_STREAM}, client{AF_INET, SOCK_STREAM};
  sockaddr_in to = on_loopback(0);
  socklen_t length = sizeof to;
  auto* const address = reinterpret_cast<sockaddr*>(&to);
  REQUIRE(::bind(listening.fd, address, length) == 0);
  REQUIRE(::listen(listening.fd, 1) == 0);
  REQUIRE(::getsockname(listening.fd, address, &length) == 0);
  CHECK_FALSE(connected_tuple(listening.fd));
  REQUIRE(::connect(client.fd, address, length) == 0);
  const int accepted = ::accept(listening.fd, nullptr, nullptr);
  REQUIRE(accepted >= 0);
  const auto there = connected_tuple(client.fd), here = connected_tuple(accepted);
  ::close(accepted);
  REQUIRE(there);
  REQUIRE(here);
  CHECK(there->protocol == Protocol::tcp);
  CHECK(there->destination_port == ntohs(to.sin_port));
  CHECK(*there == here->reversed());
}

TEST_CASE("what is no socket of the network has none") {
  const Socket local{AF_UNIX, SOCK_STREAM};
  CHECK_FALSE(connected_tuple(local.fd));
  CHECK_FALSE(connected_tuple(-1));
}

}  // namespace
}  // namespace tollgate
