// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "network_namespace.hpp"

namespace tollgate::test {

struct Endpoint {
  std::string address;  // IPv6 when it has a colon
  std::uint16_t port = 0;
  int family() const { return address.find(':') == std::string::npos ? AF_INET : AF_INET6; }
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
SocketAddress to_socket_address(const Endpoint& endpoint);
Endpoint to_endpoint(const SocketAddress& address);

// A socket that never blocks; the waiting is in the functions below.
class Socket {
 public:
  Socket() = default;
  // Opened in the namespace of the calling thread, with its user.
  Socket(int family, int type, int protocol = 0);
  explicit Socket(int fd) : fd_{fd} {}
  Socket(Socket&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket();
  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void close();
  void set(int level, int option, int value) const;
  void bind_to(const Endpoint& local) const;
  Endpoint local() const;

 private:
  int fd_ = -1;
};

enum class Transport { tcp, udp, icmp };
const char* to_string(Transport transport);

// A client's socket that is, or for TCP begins to be, connected. `from`: its own address, port 0
// for any. ICMP: a ping socket (icmp(7)); its port says nothing.
Socket begin(Transport transport, const Endpoint& to, const std::optional<Endpoint>& from = {});

// All wait, at most kPatience, and throw past it. 0, or the errno that the kernel gave.
int finish_connect(const Socket& tcp);
// Sends `size` bytes and reads as many back: for UDP one datagram, for ICMP an echo request.
// EBADMSG when what came back is not what was sent.
int exchange(const Socket& socket, Transport transport, std::size_t size = 64);
// Both in one: what becomes of one try to talk to somebody.
int talk(Transport transport, const Endpoint& to, const std::optional<Endpoint>& from = {});

// Without waiting. Sends the first packet (for TCP it is under way already).
void send_one(const Socket& socket, Transport transport);
// Nothing has come of it yet: no answer, no error, no connection.
bool nothing_came(const Socket& socket, Transport transport);

// Shakes hands with a server that reads and answers nothing, TCP: false when the connection ended.
bool is_connected(const Socket& tcp);

}  // namespace tollgate::test
