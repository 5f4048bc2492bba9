// SPDX-License-Identifier: GPL-2.0-or-later
// TCP connections and nothing else: the load of the speed bench.
//
//   connect_load server ADDRESS PORT                    accepts and closes, until it is killed
//   connect_load client ADDRESS PORT COUNT AT-ONCE      prints  seconds rate p50_us p99_us
//
// A connection is timed from connect() to its being established. It is closed by a reset, so that
// neither side keeps it in TIME_WAIT and the ports do not run out.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "load_client.hpp"

namespace {

using namespace tollgate::bench;

struct Address {
  sockaddr_in6 storage{};
  socklen_t length = 0;
  int family = AF_INET;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address parse(const char* text, const char* port) {
  Address result;
  const auto number = htons(static_cast<std::uint16_t>(std::atoi(port)));
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = number;
    std::memcpy(&result.storage, &v4, sizeof v4);
    result.length = sizeof v4;
    return result;
  }
  if (::inet_pton(AF_INET6, text, &result.storage.sin6_addr) != 1) fail(text);
  result.family = AF_INET6;
  result.storage.sin6_family = AF_INET6;
  result.storage.sin6_port = number;
  result.length = sizeof result.storage;
  return result;
}

[[noreturn]] void serve(const Address& here) {
  const int listener = ::socket(here.family, SOCK_STREAM, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener, here.get(), here.length) != 0 || ::listen(listener, 4096) != 0) fail("listen");
  std::puts("ready");
  std::fflush(stdout);
  for (;;) {
    const int connection = ::accept(listener, nullptr, nullptr);
    if (connection >= 0) ::close(connection);
  }
}

class Client : public LoadClient {
 public:
  Client(const Address& to, std::size_t count, std::size_t at_once) : LoadClient{count, at_once}, to_{to} {}

 private:
  void begin(std::size_t) override {
    const int fd = opened(::socket(to_.family, SOCK_STREAM | SOCK_NONBLOCK, 0));
    const linger reset{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    time(fd);
    if (::connect(fd, to_.get(), to_.length) != 0 && errno != EINPROGRESS) fail("connect");
    watch(fd, EPOLLOUT);
  }

  Clock::duration finish(int fd) override {
    const Clock::duration took = since(fd);
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    // The server's end may come before the look at it: then it was established all the same.
    if (error != 0 && error != ECONNRESET && error != EPIPE) {
      errno = error;
      fail("connect");
    }
    return took;
  }

  const Address& to_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "server" && argc == 4) serve(parse(argv[2], argv[3]));
  if (mode != "client" || argc != 6) {
    std::fputs("connect_load server ADDRESS PORT | client ADDRESS PORT COUNT AT-ONCE\n", stderr);
    return 2;
  }
  const Address to = parse(argv[2], argv[3]);
  Client{to, std::strtoul(argv[4], nullptr, 10), std::strtoul(argv[5], nullptr, 10)}.run();
}
