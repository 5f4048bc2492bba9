// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>

#include "tollgate/base/result.hpp"

struct nlmsghdr;

namespace tollgate {

// "Operation not permitted", for the errno that the kernel gave (positive).
std::string error_text(int error);

// A file descriptor, closed with its owner.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_{fd} {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// One netlink socket (netlink(7)), never blocking, bound to a port that the kernel chose.
class NetlinkSocket {
 public:
  // `protocol`: NETLINK_NETFILTER, NETLINK_ROUTE. Errors say what could not be had.
  static Result<NetlinkSocket, std::string> open(int protocol);

  int fd() const { return fd_.get(); }
  // As large as asked with CAP_NET_ADMIN, else as large as net.core.rmem_max allows.
  void set_receive_buffer(std::uint32_t bytes);
  bool join(unsigned group);  // errno when false
  bool leave(unsigned group);

  // The errno, 0 when sent. The kernel handles every message in `bytes` before this returns.
  int send(std::span<const std::uint8_t> bytes);

  enum class Read : std::uint8_t {
    datagram,
    empty,    // nothing there now
    overrun,  // ENOBUFS: the kernel had more to say than the buffer holds, and it is lost
    ignored,  // not from the kernel, or longer than the buffer
    failed,
  };
  struct Received {
    Read read = Read::empty;
    std::span<const std::uint8_t> bytes;  // into the buffer that was given
  };
  Received receive(std::span<std::uint8_t> buffer);

  // Sends one request with NLM_F_ACK; the errno that it is acknowledged with. Never waits: the kernel has
  // answered before `send` returns (EIO: it has not). What stands in front of the answer goes to `other`.
  int ask(std::span<const std::uint8_t> request, std::span<std::uint8_t> buffer,
          const std::function<void(std::span<const std::uint8_t>)>& other);

  // Sends one request with NLM_F_DUMP and hands every message of the answer to `each`. Waits, at
  // most 10 s for each part. The errno, 0 when all of it came.
  int dump(std::span<const std::uint8_t> request,
           const std::function<void(const nlmsghdr&, std::span<const std::uint8_t>)>& each);

 private:
  explicit NetlinkSocket(FileDescriptor fd) : fd_{std::move(fd)} {}
  bool wait_readable() const;
  FileDescriptor fd_;
};

// The errno of an NLMSG_ERROR message, 0 for an acknowledgement.
int netlink_error(std::span<const std::uint8_t> message);

}  // namespace tollgate
