// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>

namespace tollgate {

// Listens on one address and hands over every connection.
class TcpAcceptor {
 public:
  using Accepted = std::function<void(boost::asio::ip::tcp::socket socket)>;

  // Throws boost::system::system_error when it cannot listen there.
  TcpAcceptor(boost::asio::io_context& loop, const boost::asio::ip::tcp::endpoint& where, Accepted accepted);
  ~TcpAcceptor() { *alive_ = false; }
  TcpAcceptor(const TcpAcceptor&) = delete;
  TcpAcceptor& operator=(const TcpAcceptor&) = delete;

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  void accept();
  void wait_to_accept();

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  Accepted accepted_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tollgate
