// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <netinet/tcp.h>

#include <cerrno>
#include <string>

#include "catch.hpp"
#include "linux/netlink_socket.hpp"
#include "tollgate/flow/five_tuple.hpp"
#include "udp_peer.hpp"

namespace tollgate::test {

// A TCP connection to this machine by one of its addresses, from IPv6 sockets, so that an IPv4 one is
// mapped. Both ends are ours.
class TcpPair {
 public:
  explicit TcpPair(const std::string& address)
      : listener_{::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in6 to = socket_address(address, 0);
    socklen_t size = sizeof to;
    REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    REQUIRE(::listen(listener_, 1) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&to), &size) == 0);
    client_ = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int connected = ::connect(client_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    INFO("connect to " << address << ": " << error_text(errno));
    REQUIRE(connected == 0);
    server_ = ::accept(listener_, nullptr, nullptr);
    REQUIRE(server_ >= 0);

    sockaddr_in6 from{};
    REQUIRE(::getsockname(client_, reinterpret_cast<sockaddr*>(&from), &size) == 0);
    const IpAddress parsed = IpAddress::parse(address).value();
    tuple_.source = tuple_.destination = parsed.bytes();
    tuple_.family = parsed.family();
    tuple_.protocol = Protocol::tcp;
    tuple_.source_port = ntohs(from.sin6_port);
    tuple_.destination_port = ntohs(to.sin6_port);
  }
  TcpPair(const TcpPair&) = delete;
  TcpPair& operator=(const TcpPair&) = delete;
  ~TcpPair() {
    for (const int fd : {client_, server_, listener_}) {
      if (fd >= 0) ::close(fd);
    }
  }

  const FiveTuple& tuple() const { return tuple_; }  // from the client
  int client() const { return client_; }
  int server() const { return server_; }
  int listener() const { return listener_; }

  void talk() const { pass(client_, server_); }
  void talk_back() const { pass(server_, client_); }
  void close_one() { REQUIRE(::shutdown(client_, SHUT_WR) == 0); }

 private:
  static void pass(int from, int to) {
    char byte = 'x';
    REQUIRE(::send(from, &byte, 1, MSG_NOSIGNAL) == 1);
    REQUIRE(readable(to));
    REQUIRE(::recv(to, &byte, 1, 0) == 1);
  }
  FiveTuple tuple_;
  int listener_;
  int client_ = -1;
  int server_ = -1;
};

}  // namespace tollgate::test
