// SPDX-License-Identifier: GPL-2.0-or-later
#include "tcp_acceptor.hpp"

#include <chrono>
#include <utility>

namespace tollgate {
namespace {

constexpr int kBacklog = 64;

}  // namespace

using boost::asio::ip::tcp;

TcpAcceptor::TcpAcceptor(boost::asio::io_context& loop, const tcp::endpoint& where, Accepted accepted)
    : acceptor_{loop}, retry_{loop}, accepted_{std::move(accepted)} {
  acceptor_.open(where.protocol());
  acceptor_.set_option(tcp::acceptor::reuse_address{true});  // of connections that are over
  acceptor_.bind(where);
  acceptor_.listen(kBacklog);
  accept();
}

void TcpAcceptor::accept() {
  acceptor_.async_accept([this, alive = alive_](boost::system::error_code error, tcp::socket socket) {
    if (!*alive || error == boost::asio::error::operation_aborted) return;
    if (error) return wait_to_accept();
    accepted_(std::move(socket));
    accept();
  });
}

// No descriptors left, say: asking again at once would spin.
void TcpAcceptor::wait_to_accept() {
  retry_.expires_after(std::chrono::milliseconds{100});
  retry_.async_wait([this, alive = alive_](boost::system::error_code error) {
    if (*alive && !error) accept();
  });
}

}  // namespace tollgate
