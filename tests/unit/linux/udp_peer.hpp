// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace tollgate::test {

inline constexpr int kPatience = 5000;  // ms, for what has to come

// Waits until a file descriptor is readable; false when nothing came.
inline bool readable(int fd, int milliseconds = kPatience) {
  pollfd poll{fd, POLLIN, 0};
  return ::poll(&poll, 1, milliseconds) > 0;
}

inline sockaddr_in6 socket_address(const std::string& address, std::uint16_t port) {
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  out.sin6_port = htons(port);
  const std::string text = address.find(':') == std::string::npos ? "::ffff:" + address : address;
  if (::inet_pton(AF_INET6, text.c_str(), &out.sin6_addr) != 1)
    throw std::runtime_error{"address " + address};
  return out;
}

// A UDP socket of both families.
class UdpPeer {
 public:
  explicit UdpPeer(std::uint16_t port = 0) : fd_{::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)} {
    const sockaddr_in6 any = socket_address("::", port);
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) {
      throw std::runtime_error{"bind of a UDP socket"};
    }
    // Packets that wait in a queue are charged to their sender, who would wait with them.
    set(SOL_SOCKET, SO_SNDBUFFORCE, 64 << 20);
  }
  UdpPeer(const UdpPeer&) = delete;
  UdpPeer& operator=(const UdpPeer&) = delete;
  ~UdpPeer() { ::close(fd_); }

  int fd() const { return fd_; }
  std::uint16_t port() const {
    sockaddr_in6 address{};
    socklen_t size = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin6_port);
  }
  void mark(std::uint32_t mark) { set(SOL_SOCKET, SO_MARK, static_cast<int>(mark)); }
  void segments(int size) { set(SOL_UDP, UDP_SEGMENT, size); }
  // What the kernel says about it is no matter here: a dropped packet may be an error of the sender.
  void send(const std::string& text, const std::string& address, std::uint16_t port) {
    const sockaddr_in6 to = socket_address(address, port);
    ::sendto(fd_, text.data(), text.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  // The next datagram; throws when none comes.
  std::string receive() {
    std::array<char, 65536> buffer{};
    if (!readable(fd_)) throw std::runtime_error{"no datagram came"};
    const ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    return {buffer.data(), static_cast<std::size_t>(size)};
  }
  bool nothing_there() const { return !readable(fd_, 0); }

 private:
  void set(int level, int option, int value) {
    if (::setsockopt(fd_, level, option, &value, sizeof value) != 0) throw std::runtime_error{"setsockopt"};
  }
  int fd_;
};

}  // namespace tollgate::test
