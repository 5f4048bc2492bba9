// SPDX-License-Identifier: GPL-2.0-or-later
#include "sandbox.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace tollgate::vm {

namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error{errno, std::generic_category(), what}; }

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address loopback(int family, std::uint16_t port) {
  Address address;
  if (family == AF_INET) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
    *v4 = {};
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.size = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    *v6 = {};
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    v6->sin6_addr = in6addr_loopback;
    address.size = sizeof *v6;
  }
  return address;
}

Descriptor patient_socket(int family, int type) {
  Descriptor made{socket(family, type | SOCK_CLOEXEC, 0)};
  if (made.get() < 0) fail("socket");
  const timeval patience{kPatienceSeconds, 0};
  if (setsockopt(made.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
      setsockopt(made.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0) {
    fail("SO_RCVTIMEO");
  }
  return made;
}

}  // namespace

Descriptor::Descriptor(Descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

void enter_fresh_namespace() {
  if (unshare(CLONE_NEWNET) != 0) fail("unshare(CLONE_NEWNET)");
  must("ip link set lo up");
}

Output run(const std::string& command, const std::string& input) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) fail("pipe2");
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(out[1], 2);
    execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  const Descriptor from_child{out[0]};
  close(in[0]);
  close(out[1]);
  // Rulesets are small: they fit into the pipe, so that nobody waits for anybody.
  const ssize_t written = write(in[1], input.data(), input.size());
  close(in[1]);
  if (written != static_cast<ssize_t>(input.size())) fail("write to sh");
  Output output;
  std::array<char, 4096> buffer;
  for (ssize_t count = 0; (count = read(from_child.get(), buffer.data(), buffer.size())) > 0;) {
    output.text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) fail("waitpid");
  output.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

std::string must(const std::string& command, const std::string& input) {
  Output output = run(command, input);
  if (output.status != 0) throw std::runtime_error{command + ": " + output.text};
  return std::move(output.text);
}

Descriptor udp_receiver(int family, std::uint16_t port) {
  Descriptor made = patient_socket(family, SOCK_DGRAM);
  Address address = loopback(family, port);
  if (bind(made.get(), address.get(), address.size) != 0) fail("bind");
  return made;
}

Descriptor udp_sender(int family, std::uint16_t port) {
  Descriptor made = patient_socket(family, SOCK_DGRAM);
  Address address = loopback(family, port);
  if (connect(made.get(), address.get(), address.size) != 0) fail("connect");
  return made;
}

Descriptor tcp_listener(int family, std::uint16_t port) {
  Descriptor made = patient_socket(family, SOCK_STREAM);
  Address address = loopback(family, port);
  if (bind(made.get(), address.get(), address.size) != 0 || listen(made.get(), 8) != 0) fail("listen");
  return made;
}

int tcp_connect(int family, std::uint16_t port) {
  const Descriptor made = patient_socket(family, SOCK_STREAM);
  Address address = loopback(family, port);
  return connect(made.get(), address.get(), address.size) == 0 ? 0 : errno;
}

int send_byte(const Descriptor& socket) { return send(socket.get(), "x", 1, MSG_NOSIGNAL) == 1 ? 0 : errno; }

bool receives(const Descriptor& socket) {
  char byte = 0;
  return recv(socket.get(), &byte, 1, 0) == 1;
}

bool receives_nothing(const Descriptor& socket) {
  char byte = 0;
  return recv(socket.get(), &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

}  // namespace tollgate::vm
