// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "catch.hpp"

namespace tollgate::test {

// A socket that this process and a child of it hold: the child by two descriptors.
class HeldSocket {
 public:
  HeldSocket() {
    socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    REQUIRE(socket_ >= 0);
    std::array<int, 2> pipe{};
    REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
    std::array<int, 2> ready{};
    REQUIRE(::pipe2(ready.data(), O_CLOEXEC) == 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::close(pipe[1]);
      char byte = 0;
      const bool held = ::dup(socket_) >= 0 && ::write(ready[1], &byte, 1) == 1;
      // Until the other end is closed.
      ::_exit(held && ::read(pipe[0], &byte, 1) == 0 ? 0 : 1);
    }
    ::close(pipe[0]);
    ::close(ready[1]);
    end_ = pipe[1];
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
  }
  HeldSocket(const HeldSocket&) = delete;
  HeldSocket& operator=(const HeldSocket&) = delete;
  ~HeldSocket() {
    let_go();
    ::close(socket_);
  }

  // The child ends.
  void let_go() {
    if (end_ < 0) return;
    ::close(end_);
    end_ = -1;
    ::waitpid(child_, nullptr, 0);
  }
  std::uint32_t child() const { return static_cast<std::uint32_t>(child_); }
  std::uint64_t cookie() const {
    std::uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    REQUIRE(::getsockopt(socket_, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0);
    return cookie;
  }
  std::uint64_t inode() const {
    struct stat about {};
    REQUIRE(::fstat(socket_, &about) == 0);
    return about.st_ino;
  }

 private:
  int socket_ = -1, end_ = -1;
  pid_t child_ = -1;
};

}  // namespace tollgate::test
