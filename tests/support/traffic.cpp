// SPDX-License-Identifier: GPL-2.0-or-later
#include "traffic.hpp"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "process.hpp"

namespace tollgate::test {
namespace {

constexpr std::size_t kEchoHeader = 8;  // RFC 792, RFC 4443 §4.1

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error{errno, std::generic_category(), what};
}

// What poll says of the socket, waiting for `events`.
short wait_for(const Socket& socket, short events) {
  pollfd wanted{socket.fd(), events, 0};
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience).count();
  const int ready = ::poll(&wanted, 1, static_cast<int>(limit));
  if (ready < 0) fail("poll");
  if (ready == 0)
    throw std::runtime_error{"nothing came of " + to_endpoint([&] {
                                                    SocketAddress address;
                                                    address.length = sizeof address.storage;
                                                    ::getsockname(socket.fd(), address.get(),
                                                                  &address.length);
                                                    return address;
                                                  }())
                                                      .address};
  return wanted.revents;
}

int pending_error(const Socket& socket) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) fail("SO_ERROR");
  return error;
}

bool again(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

std::vector<char> pattern(std::size_t size) {
  std::vector<char> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 31 + i / 251) & 0xff);
  return bytes;
}

// An echo request; the kernel fills in identifier and checksum. An answer has the same length.
std::vector<char> echo_request(int family, std::size_t size) {
  std::vector<char> message(kEchoHeader);
  message[0] = static_cast<char>(family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST);
  message[7] = 1;  // sequence number
  const std::vector<char> payload = pattern(size);
  message.insert(message.end(), payload.begin(), payload.end());
  return message;
}

std::vector<char> datagram(const Socket& socket, Transport transport, std::size_t size) {
  if (transport == Transport::udp) return pattern(size);
  return echo_request(socket.local().family(), size);
}

int exchange_stream(const Socket& socket, std::size_t size) {
  const std::vector<char> sent = pattern(size);
  std::vector<char> got(size);
  std::size_t written = 0;
  std::size_t read = 0;
  while (read < size) {
    const short ready = wait_for(socket, static_cast<short>(written < size ? POLLIN | POLLOUT : POLLIN));
    if ((ready & POLLOUT) != 0 && written < size) {
      const ssize_t part = ::send(socket.fd(), sent.data() + written, size - written, MSG_NOSIGNAL);
      if (part < 0 && !again(errno)) return errno;
      if (part > 0) written += static_cast<std::size_t>(part);
    }
    if ((ready & (POLLIN | POLLERR | POLLHUP)) == 0) continue;
    const ssize_t part = ::recv(socket.fd(), got.data() + read, size - read, 0);
    if (part < 0 && !again(errno)) return errno;
    if (part == 0) return ECONNRESET;
    if (part > 0) read += static_cast<std::size_t>(part);
  }
  return got == sent ? 0 : EBADMSG;
}

int exchange_datagram(const Socket& socket, Transport transport, std::size_t size) {
  const std::vector<char> sent = datagram(socket, transport, size);
  if (::send(socket.fd(), sent.data(), sent.size(), MSG_NOSIGNAL) < 0) return errno;
  wait_for(socket, POLLIN);
  std::vector<char> got(sent.size() + 1);
  const ssize_t part = ::recv(socket.fd(), got.data(), got.size(), 0);
  if (part < 0) return errno;
  const std::size_t same_from = transport == Transport::icmp ? kEchoHeader : 0;
  if (static_cast<std::size_t>(part) != sent.size()) return EBADMSG;
  return std::memcmp(got.data() + same_from, sent.data() + same_from, sent.size() - same_from) == 0 ? 0
                                                                                                    : EBADMSG;
}

}  // namespace

SocketAddress to_socket_address(const Endpoint& endpoint) {
  SocketAddress result;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (endpoint.family() == AF_INET) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    if (::inet_pton(AF_INET, endpoint.address.c_str(), &v4.sin_addr) != 1) fail(endpoint.address);
    result.length = sizeof v4;
    std::memcpy(&result.storage, &v4, sizeof v4);
  } else {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    if (::inet_pton(AF_INET6, endpoint.address.c_str(), &v6.sin6_addr) != 1) fail(endpoint.address);
    result.length = sizeof v6;
    std::memcpy(&result.storage, &v6, sizeof v6);
  }
  return result;
}

Endpoint to_endpoint(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return {text.data(), ntohs(v4.sin_port)};
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address.storage, sizeof v6);
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  return {text.data(), ntohs(v6.sin6_port)};
}

Socket::Socket(int family, int type, int protocol)
    : fd_{::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol)} {
  if (fd_ < 0) fail("socket");
}

Socket::~Socket() { close(); }

void Socket::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void Socket::set(int level, int option, int value) const {
  if (::setsockopt(fd_, level, option, &value, sizeof value) != 0) fail("setsockopt");
}

void Socket::bind_to(const Endpoint& local_end) const {
  const SocketAddress address = to_socket_address(local_end);
  if (::bind(fd_, address.get(), address.length) != 0) {
    fail("bind " + local_end.address + " " + std::to_string(local_end.port));
  }
}

Endpoint Socket::local() const {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (::getsockname(fd_, address.get(), &address.length) != 0) fail("getsockname");
  return to_endpoint(address);
}

const char* to_string(Transport transport) {
  switch (transport) {
    case Transport::tcp:
      return "TCP";
    case Transport::udp:
      return "UDP";
    case Transport::icmp:
      return "ICMP";
  }
  return "";
}

Socket begin(Transport transport, const Endpoint& to, const std::optional<Endpoint>& from) {
  const int ping = to.family() == AF_INET ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6);
  Socket socket{to.family(), transport == Transport::tcp ? SOCK_STREAM : SOCK_DGRAM,
                transport == Transport::icmp ? ping : 0};
  if (from) {
    if (transport == Transport::tcp) socket.set(SOL_SOCKET, SO_REUSEADDR, 1);
    socket.bind_to(*from);
  }
  const SocketAddress address = to_socket_address(to);
  if (::connect(socket.fd(), address.get(), address.length) != 0 && errno != EINPROGRESS) {
    fail("connect " + to.address);
  }
  return socket;
}

int finish_connect(const Socket& tcp) {
  wait_for(tcp, POLLOUT);
  return pending_error(tcp);
}

int exchange(const Socket& socket, Transport transport, std::size_t size) {
  return transport == Transport::tcp ? exchange_stream(socket, size)
                                     : exchange_datagram(socket, transport, size);
}

int talk(Transport transport, const Endpoint& to, const std::optional<Endpoint>& from) {
  const Socket socket = begin(transport, to, from);
  if (transport == Transport::tcp) {
    if (const int error = finish_connect(socket); error != 0) return error;
  }
  return exchange(socket, transport);
}

void send_one(const Socket& socket, Transport transport) {
  if (transport == Transport::tcp) return;
  const std::vector<char> message = datagram(socket, transport, 64);
  if (::send(socket.fd(), message.data(), message.size(), MSG_NOSIGNAL) < 0) fail("send");
}

bool nothing_came(const Socket& socket, Transport transport) {
  const short events = transport == Transport::tcp ? POLLOUT : POLLIN;
  pollfd wanted{socket.fd(), events, 0};
  if (::poll(&wanted, 1, 0) < 0) fail("poll");
  return wanted.revents == 0;
}

bool is_connected(const Socket& tcp) {
  char byte = 0;
  const ssize_t size = ::recv(tcp.fd(), &byte, 1, MSG_PEEK);
  return size > 0 || (size < 0 && again(errno));
}

}  // namespace tollgate::test
