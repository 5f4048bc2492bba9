// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "tcp_acceptor.hpp"
#include "tls_session.hpp"
#include "tollgate/config/nameserver_options.hpp"
#include "tollgate/flow/five_tuple.hpp"

namespace tollgate {

// Connections of ours: who opens one tells, and who accepts one asks.
struct OwnConnections {
  std::function<void(const FiveTuple& tuple, bool open)> tell;
  std::function<bool(const FiveTuple& tuple)> is_open;
};

// DNS over TLS (RFC 7858) for a resolver that has none: Debian's libunbound knows no TLS. It speaks plain TCP
// to a port on 127.0.0.1, and what it says goes on by TLS to one server. DNS by TCP and by TLS are the same
// bytes, so nothing of them is read here. Nobody else's connections are taken.
class TlsRelay {
 public:
  // At most so many connections at once; more are closed at once.
  static constexpr std::size_t kMaxConnections = 64;

  // `trouble` hears why a connection came to nothing. Throws std::runtime_error.
  TlsRelay(boost::asio::io_context& loop, const Upstream& upstream, const TlsAuthorities& authorities,
           const OwnConnections& own, std::function<void(const std::string&)> trouble);
  ~TlsRelay();
  TlsRelay(const TlsRelay&) = delete;
  TlsRelay& operator=(const TlsRelay&) = delete;

  const Upstream& upstream() const { return upstream_; }
  std::uint16_t port() const { return acceptor_.port(); }

 private:
  class Connection;
  void admit(boost::asio::ip::tcp::socket socket);
  bool is_ours(boost::asio::ip::tcp::socket& socket) const;
  void closed(const std::shared_ptr<Connection>& connection) { connections_.erase(connection); }

  boost::asio::io_context& loop_;
  Upstream upstream_;
  const TlsAuthorities& authorities_;
  OwnConnections own_;
  std::function<void(const std::string&)> trouble_;
  TcpAcceptor acceptor_;
  std::set<std::shared_ptr<Connection>> connections_;
};

}  // namespace tollgate
