// SPDX-License-Identifier: GPL-2.0-or-later
// DNS queries and nothing else: the load of the speed bench.
//
//   query_load server ADDRESS PORT                    answers every question with one address
//   query_load client ADDRESS PORT COUNT AT-ONCE      prints  seconds rate p50_us p99_us
//
// Each query has a socket of its own, as a resolver library's has, and is timed from sendto() to its answer.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "load_client.hpp"

namespace {

using namespace tollgate::bench;

constexpr std::size_t kLongest = 512;  // RFC 1035 §2.3.4
constexpr std::size_t kHeader = 12;
// Of www.example.org, A, IN; and its answer: a pointer to the name, an hour, 192.0.2.1.
constexpr std::array<std::uint8_t, 21> kQuestion{3,   'w', 'w', 'w', 7,   'e', 'x', 'a', 'm', 'p', 'l',
                                                 'e', 3,   'o', 'r', 'g', 0,   0,   1,   0,   1};
constexpr std::array<std::uint8_t, 16> kAnswer{0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 192, 0, 2, 1};

sockaddr_in parse(const char* text, const char* port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  if (::inet_pton(AF_INET, text, &address.sin_addr) != 1) fail(text);
  return address;
}

const sockaddr* plain(const sockaddr_in& address) { return reinterpret_cast<const sockaddr*>(&address); }

[[noreturn]] void serve(const sockaddr_in& here) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  if (::bind(fd, plain(here), sizeof here) != 0) fail("bind");
  std::puts("ready");
  std::fflush(stdout);
  std::array<std::uint8_t, kLongest> message{};
  for (;;) {
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t got =
        ::recvfrom(fd, message.data(), message.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got != static_cast<ssize_t>(kHeader + kQuestion.size())) continue;
    message[2] = 0x81;  // an answer, recursion desired
    message[3] = 0x80;
    message[7] = 1;
    std::ranges::copy(kAnswer, message.begin() + got);
    ::sendto(fd, message.data(), static_cast<std::size_t>(got) + kAnswer.size(), 0, plain(from), size);
  }
}

class Client : public LoadClient {
 public:
  Client(const sockaddr_in& to, std::size_t count, std::size_t at_once)
      : LoadClient{count, at_once}, to_{to} {}

 private:
  void begin(std::size_t number) override {
    const int fd = opened(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    watch(fd, EPOLLIN);
    std::array<std::uint8_t, kHeader + kQuestion.size()> query{};
    query[0] = static_cast<std::uint8_t>(number >> 8);
    query[1] = static_cast<std::uint8_t>(number);
    query[2] = 1;  // recursion desired
    query[5] = 1;
    std::ranges::copy(kQuestion, query.begin() + kHeader);
    time(fd);
    if (::sendto(fd, query.data(), query.size(), 0, plain(to_), sizeof to_) < 0) fail("sendto");
  }

  Clock::duration finish(int fd) override {
    std::array<std::uint8_t, kLongest> answer{};
    if (::recv(fd, answer.data(), answer.size(), 0) < static_cast<ssize_t>(kHeader)) fail("recv");
    return since(fd);
  }

  const sockaddr_in& to_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "server" && argc == 4) serve(parse(argv[2], argv[3]));
  if (mode != "client" || argc != 6) {
    std::fputs("query_load server ADDRESS PORT | client ADDRESS PORT COUNT AT-ONCE\n", stderr);
    return 2;
  }
  const sockaddr_in to = parse(argv[2], argv[3]);
  Client{to, std::strtoul(argv[4], nullptr, 10), std::strtoul(argv[5], nullptr, 10)}.run();
}
