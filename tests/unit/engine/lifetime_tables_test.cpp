// SPDX-License-Identifier: GPL-2.0-or-later
// The small tables beside the flows: windows for answers, sockets authorized for any peer.
#include "catch.hpp"
#include "tollgate/engine/answer_windows.hpp"
#include "tollgate/engine/authorized_sockets.hpp"

using namespace tollgate;
using namespace std::chrono_literals;

namespace {

constexpr Time kStart{1000s};

IpAddress address(const char* text) { return IpAddress::parse(text).value(); }
LocalEndpoint port(std::uint32_t n) {
  return {IpAddress::v4({10, 0, static_cast<std::uint8_t>(n >> 16), 1}), static_cast<std::uint16_t>(n)};
}

AuthorizedSocket socket(std::uint16_t number, Direction direction = Direction::inbound) {
  AuthorizedSocket socket;
  socket.direction = direction;
  socket.address = address("10.0.0.1");
  socket.port = number;
  socket.rule = number;
  return socket;
}

}  // namespace

TEST_CASE("a window is open for so long after the last packet, and for one endpoint") {
  AnswerWindows windows{3s};
  windows.open(port(1), kStart);
  CHECK(windows.is_open(port(1), kStart));
  CHECK(windows.is_open(port(1), kStart + 3s - 1ns));
  CHECK_FALSE(windows.is_open(port(1), kStart + 3s));
  CHECK_FALSE(windows.is_open(port(2), kStart));
  windows.open(port(1), kStart + 2s);
  CHECK(windows.is_open(port(1), kStart + 4s));
  CHECK(windows.next_deadline() == kStart + 3s);
  windows.close_over(kStart + 3s);
  CHECK(windows.is_open(port(1), kStart + 4s));
  CHECK(windows.next_deadline() == kStart + 5s);
  windows.close_over(kStart + 5s);
  CHECK(windows.size() == 0);
  CHECK_FALSE(windows.next_deadline().has_value());
}

TEST_CASE("a window closes with its socket") {
  AnswerWindows windows{3s};
  windows.open(port(1), kStart);
  windows.close(port(1));
  CHECK_FALSE(windows.is_open(port(1), kStart));
  windows.open(port(1), kStart + 1s);
  windows.close_over(kStart + 3s);  // of the first opening
  CHECK(windows.is_open(port(1), kStart + 3s));
}

TEST_CASE("windows are bounded: the first to close closes early") {
  AnswerWindows windows{3s};
  for (std::uint32_t n = 0; n <= kMaxAnswerWindows; ++n) windows.open(port(n), kStart + n * 1us);
  CHECK(windows.size() == kMaxAnswerWindows);
  CHECK_FALSE(windows.is_open(port(0), kStart + 2s));
  CHECK(windows.is_open(port(1), kStart + 2s));
  CHECK(windows.is_open(port(kMaxAnswerWindows), kStart + 2s));
  // One socket that sends and sends fills nothing.
  AnswerWindows chatty{3s};
  for (std::uint32_t n = 0; n < 10'000; ++n) chatty.open(port(1), kStart + n * 1us);
  CHECK(chatty.size() == 1);
  CHECK(chatty.is_open(port(1), kStart + 1s));
}

TEST_CASE("sockets are authorized once, found, withdrawn, and bounded") {
  AuthorizedSockets sockets;
  CHECK(sockets.add(socket(53)) == AuthorizedSockets::Added::added);
  CHECK(sockets.add(socket(53)) == AuthorizedSockets::Added::known);
  CHECK(sockets.add(socket(53, Direction::outbound)) == AuthorizedSockets::Added::added);
  CHECK(sockets.add(socket(52)) == AuthorizedSockets::Added::added);
  REQUIRE(sockets.find(socket(52)) != nullptr);
  CHECK(sockets.find(socket(52))->rule == 52);
  CHECK(sockets.find(socket(51)) == nullptr);
  std::size_t gone = 0;
  sockets.withdraw([](const AuthorizedSocket& each) { return each.port == 53; },
                   [&](const AuthorizedSocket&) { ++gone; });
  CHECK(gone == 2);
  CHECK(sockets.all().size() == 1);
  for (std::uint16_t n = 0; n < kMaxAuthorizedSockets; ++n)
    sockets.add(socket(static_cast<std::uint16_t>(100 + n)));
  CHECK(sockets.all().size() == kMaxAuthorizedSockets);
  CHECK(sockets.add(socket(60'000)) == AuthorizedSockets::Added::full);
}

TEST_CASE("a socket covers the addresses that it was bound to") {
  CHECK(covers(address("10.0.0.1"), address("10.0.0.1")));
  CHECK_FALSE(covers(address("10.0.0.1"), address("10.0.0.2")));
  CHECK(covers(address("0.0.0.0"), address("10.0.0.2")));
  CHECK_FALSE(covers(address("0.0.0.0"), address("fd00::1")));
  CHECK(covers(address("::"), address("fd00::1")));
  CHECK(covers(address("::"), address("10.0.0.2")));
  CHECK(covers(address("::ffff:10.0.0.2"), address("10.0.0.2")));
  CHECK_FALSE(covers(address("::ffff:10.0.0.3"), address("10.0.0.2")));
  CHECK_FALSE(covers(address("10.0.0.2"), address("fd00::1")));
}
