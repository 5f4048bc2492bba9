// SPDX-License-Identifier: GPL-2.0-or-later
#include "echo_server.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace tollgate::test {
namespace {

// linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h, which do not go with netinet/in.h.
constexpr int kSoOriginalDst = 80;
constexpr int kListenQueue = 8192;

Endpoint original_destination(const Socket& socket) {
  const bool v4 = socket.local().family() == AF_INET;
  SocketAddress address;
  address.length = v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  const int level = v4 ? static_cast<int>(IPPROTO_IP) : static_cast<int>(IPPROTO_IPV6);
  if (::getsockopt(socket.fd(), level, kSoOriginalDst, address.get(), &address.length) != 0) return {};
  return to_endpoint(address);
}

}  // namespace

EchoServer::EchoServer(const NetworkNamespace& where, const std::vector<std::string>& addresses,
                       std::uint16_t port)
    : events_{::epoll_create1(EPOLL_CLOEXEC)}, stop_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  const Inside inside{where};
  watch(stop_.fd(), EPOLLIN, EPOLL_CTL_ADD);
  for (const std::string& address : addresses) {
    const Endpoint here{address, port};
    Socket listener{here.family(), SOCK_STREAM};
    listener.set(SOL_SOCKET, SO_REUSEADDR, 1);
    listener.bind_to(here);
    if (::listen(listener.fd(), kListenQueue) != 0)
      throw std::system_error{errno, std::generic_category(), "listen"};
    watch(listener.fd(), EPOLLIN, EPOLL_CTL_ADD);
    listeners_.push_back(std::move(listener));
    Socket datagrams{here.family(), SOCK_DGRAM};
    datagrams.bind_to(here);
    watch(datagrams.fd(), EPOLLIN, EPOLL_CTL_ADD);
    datagram_sockets_.push_back(std::move(datagrams));
  }
  thread_ = std::thread{[this] { serve(); }};
}

EchoServer::~EchoServer() {
  const std::uint64_t one = 1;
  // The eventfd cannot be full: nobody else writes to it.
  [[maybe_unused]] const ssize_t written = ::write(stop_.fd(), &one, sizeof one);
  thread_.join();
}

std::vector<Endpoint> EchoServer::originals() const {
  const std::lock_guard lock{mutex_};
  return originals_;
}

void EchoServer::watch(int fd, std::uint32_t events, int operation) const {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(events_.fd(), operation, fd, &event) != 0) {
    throw std::system_error{errno, std::generic_category(), "epoll_ctl"};
  }
}

void EchoServer::serve() {
  const auto has = [](const std::vector<Socket>& sockets, int fd) {
    return std::ranges::any_of(sockets, [&](const Socket& socket) { return socket.fd() == fd; });
  };
  std::array<epoll_event, 64> ready{};
  for (;;) {
    const int count = ::epoll_wait(events_.fd(), ready.data(), static_cast<int>(ready.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = ready[static_cast<std::size_t>(i)].data.fd;
      if (fd == stop_.fd()) return;
      if (has(listeners_, fd)) {
        accept_all(fd);
      } else if (has(datagram_sockets_, fd)) {
        echo_datagrams(fd);
      } else if (const auto found = streams_.find(fd);
                 found != streams_.end() && !echo_stream(found->second)) {
        streams_.erase(found);
      }
    }
  }
}

void EchoServer::accept_all(int listener) {
  for (;;) {
    Socket socket{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!socket.is_open()) return;
    {
      const std::lock_guard lock{mutex_};
      originals_.push_back(original_destination(socket));
    }
    ++accepted_;
    const int fd = socket.fd();
    watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    streams_[fd] = Stream{std::move(socket), {}};
  }
}

void EchoServer::echo_datagrams(int fd) {
  std::array<char, 65536> buffer{};
  for (;;) {
    SocketAddress from;
    from.length = sizeof from.storage;
    const ssize_t size = ::recvfrom(fd, buffer.data(), buffer.size(), 0, from.get(), &from.length);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0) continue;  // an error that an earlier answer met
    ++datagrams_;
    ::sendto(fd, buffer.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL, from.get(), from.length);
  }
}

bool EchoServer::echo_stream(Stream& stream) {
  const int fd = stream.socket.fd();
  std::array<char, 65536> buffer{};
  // What could not be written back yet stops the reading: the client has to read.
  while (stream.waiting.empty()) {
    const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (size == 0 || (size < 0 && errno != EAGAIN)) return false;
    if (size < 0) break;
    stream.waiting.assign(buffer.data(), static_cast<std::size_t>(size));
    const ssize_t sent = ::send(fd, stream.waiting.data(), stream.waiting.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) stream.waiting.erase(0, static_cast<std::size_t>(sent));
  }
  if (!stream.waiting.empty()) {
    const ssize_t sent = ::send(fd, stream.waiting.data(), stream.waiting.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) stream.waiting.erase(0, static_cast<std::size_t>(sent));
  }
  watch(fd, stream.waiting.empty() ? EPOLLIN : EPOLLOUT, EPOLL_CTL_MOD);
  return true;
}

}  // namespace tollgate::test
