// SPDX-License-Identifier: GPL-2.0-or-later
#include "client.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

#include "failure.hpp"

namespace tollgate::cli {

namespace {

// Answers are as long as the policy they speak of; more than this is not our daemon.
constexpr std::size_t kMaxReply = 256 << 20;

std::string reason(int number) { return std::generic_category().message(number); }

[[noreturn]] void cannot_connect(const std::string& path, int error) {
  const std::string what = "cannot reach the daemon at " + path + ": " + reason(error);
  if (error == EACCES || error == EPERM) throw Failure{Exit::not_permitted, what};
  throw Failure{Exit::unreachable, what + " (is tollgated running? --socket names another socket)"};
}

}  // namespace

Client::Client(const std::string& socket_path) : path_{socket_path}, framer_{kMaxReply} {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) cannot_connect(path_, ENAMETOOLONG);
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) cannot_connect(path_, errno);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    ::close(fd_);
    cannot_connect(path_, error);
  }
}

Client::~Client() { ::close(fd_); }

void Client::send(const VarlinkCall& call) {
  const std::string bytes = serialize(call);
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    // A daemon that has no room for us closes first; what it says is that it goes away.
    if (count < 0) break;
    sent += static_cast<std::size_t>(count);
  }
}

VarlinkReply Client::receive() {
  std::array<char, 65536> bytes;
  for (;;) {
    if (const auto message = framer_.next()) {
      const Result<VarlinkReply, std::string> reply = parse_reply(*message);
      if (!reply)
        throw Failure{Exit::unreachable,
                      "what answers at " + path_ + " is no Varlink service: " + reply.error()};
      return *reply;
    }
    const ssize_t count = recv(fd_, bytes.data(), bytes.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || framer_.too_long()) {
      throw Failure{Exit::unreachable,
                    "the daemon at " + path_ +
                        " closed the connection: it stopped, or has too many clients (see its log)"};
    }
    framer_.append({bytes.data(), static_cast<std::size_t>(count)});
  }
}

void Client::check(const std::string& method, const VarlinkReply& reply) const {
  if (reply.error.empty() || reply.error == varlink_error::policy_refused) return;
  if (reply.error == varlink_error::permission_denied) {
    throw Failure{Exit::not_permitted,
                  "not permitted: only root and members of the daemon's control group may do this"};
  }
  if (reply.error == varlink_error::invalid_parameter) {
    const boost::json::value* message = reply.parameters.if_contains("message");
    const boost::json::value* name = reply.parameters.if_contains("parameter");
    throw Failure{Exit::refused,
                  (name != nullptr && name->is_string() ? std::string{name->get_string()} : method) + ": " +
                      (message != nullptr && message->is_string() ? std::string{message->get_string()}
                                                                  : "refused by the daemon")};
  }
  throw Failure{Exit::refused, "the daemon answered " + method + " with " + reply.error +
                                   " (is it of the same version? see tollgate version)"};
}

VarlinkReply Client::call(const std::string& method, boost::json::object parameters) {
  VarlinkCall call;
  call.method = method;
  call.parameters = std::move(parameters);
  send(call);
  VarlinkReply reply = receive();
  check(method, reply);
  return reply;
}

void Client::stream(const std::string& method, boost::json::object parameters,
                    const std::function<void(const boost::json::object&)>& each) {
  VarlinkCall call;
  call.method = method;
  call.parameters = std::move(parameters);
  call.more = true;
  send(call);
  for (bool more = true; more;) {
    const VarlinkReply reply = receive();
    check(method, reply);
    if (!reply.parameters.empty()) each(reply.parameters);
    more = reply.continues;
  }
}

}  // namespace tollgate::cli
