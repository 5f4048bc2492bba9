// SPDX-License-Identifier: GPL-2.0-or-later
#include "control_client.hpp"

#include <poll.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "process.hpp"

namespace tollgate::test {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error{errno, std::generic_category(), what};
}

void wait_readable(const Socket& socket) {
  pollfd wanted{socket.fd(), POLLIN, 0};
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience).count();
  if (::poll(&wanted, 1, static_cast<int>(limit)) <= 0)
    throw std::runtime_error{"the daemon does not answer"};
}

}  // namespace

ControlClient::ControlClient(const std::string& path) : socket_{AF_UNIX, SOCK_STREAM} {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(socket_.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail(path);
}

void ControlClient::send(std::string_view method, boost::json::object parameters, bool more) {
  VarlinkCall call;
  call.method = method;
  call.parameters = std::move(parameters);
  call.more = more;
  const std::string bytes = serialize(call);
  const ssize_t sent = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(bytes.size())) fail("control socket");
}

VarlinkReply ControlClient::next() {
  std::array<char, 65536> buffer{};
  for (;;) {
    if (const auto message = framer_.next()) {
      auto reply = parse_reply(*message);
      if (!reply) throw std::runtime_error{"a reply that is none: " + reply.error()};
      return std::move(*reply);
    }
    wait_readable(socket_);
    const ssize_t size = ::recv(socket_.fd(), buffer.data(), buffer.size(), 0);
    if (size == 0) throw std::runtime_error{"the daemon closed the control connection"};
    if (size < 0 && errno != EAGAIN) fail("control socket");
    if (size > 0) framer_.append({buffer.data(), static_cast<std::size_t>(size)});
  }
}

std::vector<VarlinkReply> ControlClient::call(std::string_view method, boost::json::object parameters,
                                              bool more) {
  send(method, std::move(parameters), more);
  std::vector<VarlinkReply> replies;
  do {
    replies.push_back(next());
  } while (replies.back().continues);
  return replies;
}

}  // namespace tollgate::test
