// SPDX-License-Identifier: GPL-2.0-or-later
#include "doorbell.hpp"

#include <sys/epoll.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace tollgate {

using boost::asio::posix::stream_descriptor;

Doorbell::Doorbell(boost::asio::io_context& loop, int socket, std::chrono::milliseconds rest,
                   std::function<Left()> look)
    : socket_{socket}, rest_{rest}, look_{std::move(look)}, bell_{loop}, timer_{loop} {
  const int bell = ::epoll_create1(EPOLL_CLOEXEC);
  if (bell < 0) throw std::system_error{errno, std::generic_category(), "epoll_create1"};
  bell_.assign(bell);
}

Doorbell::~Doorbell() = default;

void Doorbell::start() {
  arm(EPOLL_CTL_ADD);
  wait();
}

void Doorbell::arm(int operation) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLONESHOT;
  ::epoll_ctl(bell_.native_handle(), operation, socket_, &event);
}

void Doorbell::wait() {
  bell_.async_wait(stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (!error) on_ring();
  });
}

void Doorbell::on_ring() {
  epoll_event event{};
  ::epoll_wait(bell_.native_handle(), &event, 1, 0);  // from here on it is silent
  look();
}

void Doorbell::look() {
  // A timer that is due already has its turn after the packets that wait.
  const bool more = look_() == Left::more;
  timer_.expires_after(more ? std::chrono::milliseconds{0} : rest_);
  timer_.async_wait([this, more](boost::system::error_code error) {
    if (error) return;
    if (more) return look();
    arm(EPOLL_CTL_MOD);  // rings at once for what came meanwhile
    wait();
  });
}

}  // namespace tollgate
