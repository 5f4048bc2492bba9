// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink_socket.hpp"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>
#include <system_error>
#include <vector>

#include "netlink_reader.hpp"

namespace tollgate {

namespace {
// The kernel makes parts of a dump as long as the longest read so far, 32 KiB at the most.
constexpr std::size_t kDumpBuffer = 64 * 1024;
constexpr int kDumpTimeoutMilliseconds = 10'000;

enum class Dump : std::uint8_t { going_on, done };

// Hands out one datagram of a dump. `error` is set by the kernel's refusal.
Dump read_dump(std::span<const std::uint8_t> datagram, int& error,
               const std::function<void(const nlmsghdr&, std::span<const std::uint8_t>)>& each) {
  NetlinkMessages messages{datagram};
  nlmsghdr header{};
  std::span<const std::uint8_t> message;
  while (messages.next(header, message)) {
    if (header.nlmsg_type == NLMSG_DONE) return Dump::done;
    if (header.nlmsg_type == NLMSG_ERROR) {
      error = netlink_error(message);
      return Dump::done;
    }
    each(header, message);
  }
  return Dump::going_on;
}

// The errno that the acknowledgement of a request carries, if it is in this datagram.
std::optional<int> acknowledgement_in(std::span<const std::uint8_t> datagram) {
  NetlinkMessages messages{datagram};
  nlmsghdr header{};
  std::span<const std::uint8_t> message;
  while (messages.next(header, message)) {
    if (header.nlmsg_type == NLMSG_ERROR) return netlink_error(message);
  }
  return std::nullopt;
}
}  // namespace

std::string error_text(int error) { return std::generic_category().message(error); }

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Result<NetlinkSocket, std::string> NetlinkSocket::open(int protocol) {
  FileDescriptor fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)};
  if (!fd.valid()) return "netlink socket: " + error_text(errno);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return "bind of a netlink socket: " + error_text(errno);
  }
  return NetlinkSocket{std::move(fd)};
}

void NetlinkSocket::set_receive_buffer(std::uint32_t bytes) {
  // The kernel keeps twice the number as an int.
  const int size = static_cast<int>(std::min<std::uint32_t>(bytes, std::numeric_limits<int>::max() / 2));
  if (::setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
    ::setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
}

bool NetlinkSocket::join(unsigned group) {
  return ::setsockopt(fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0;
}

bool NetlinkSocket::leave(unsigned group) {
  return ::setsockopt(fd(), SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof group) == 0;
}

int NetlinkSocket::send(std::span<const std::uint8_t> bytes) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  for (;;) {
    if (::sendto(fd(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&kernel),
                 sizeof kernel) >= 0) {
      return 0;
    }
    if (errno != EINTR) return errno;
  }
}

NetlinkSocket::Received NetlinkSocket::receive(std::span<std::uint8_t> buffer) {
  for (;;) {
    sockaddr_nl sender{};
    socklen_t sender_size = sizeof sender;
    const ssize_t size = ::recvfrom(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC,
                                    reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (size >= 0) {
      const auto length = static_cast<std::size_t>(size);
      if (sender.nl_pid != 0 || length > buffer.size()) return {Read::ignored, {}};
      return {Read::datagram, buffer.first(length)};
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return {Read::empty, {}};
    return {errno == ENOBUFS ? Read::overrun : Read::failed, {}};
  }
}

int NetlinkSocket::ask(std::span<const std::uint8_t> request, std::span<std::uint8_t> buffer,
                       const std::function<void(std::span<const std::uint8_t>)>& other) {
  if (const int error = send(request); error != 0) return error;
  for (;;) {
    const Received received = receive(buffer);
    switch (received.read) {
      case Read::datagram:
        if (const std::optional<int> error = acknowledgement_in(received.bytes)) return *error;
        other(received.bytes);
        break;
      case Read::overrun:  // of what else comes by this socket: the answer may still be there
      case Read::ignored:
        break;
      case Read::empty:
      case Read::failed:
        return EIO;
    }
  }
}

bool NetlinkSocket::wait_readable() const {
  pollfd poll{fd(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&poll, 1, kDumpTimeoutMilliseconds);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

int NetlinkSocket::dump(std::span<const std::uint8_t> request,
                        const std::function<void(const nlmsghdr&, std::span<const std::uint8_t>)>& each) {
  if (const int error = send(request); error != 0) return error;
  std::vector<std::uint8_t> buffer(kDumpBuffer);
  int error = 0;
  for (;;) {
    const Received received = receive(buffer);
    switch (received.read) {
      case Read::datagram:
        if (read_dump(received.bytes, error, each) == Dump::done) return error;
        break;
      case Read::empty:
        if (!wait_readable()) return ETIMEDOUT;
        break;
      case Read::ignored:
        break;
      case Read::overrun:
        return ENOBUFS;
      case Read::failed:
        return EIO;
    }
  }
}

int netlink_error(std::span<const std::uint8_t> message) {
  Reader in{message};
  nlmsghdr header{};
  std::int32_t error = 0;
  if (!read_struct(in, header) || !read_struct(in, error)) return EBADMSG;
  return error > 0 ? error : -error;
}

}  // namespace tollgate
