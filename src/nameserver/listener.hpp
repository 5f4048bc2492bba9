// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "tcp_acceptor.hpp"
#include "tollgate/base/ip.hpp"
#include "tollgate/flow/five_tuple.hpp"

namespace tollgate {

// Takes an answer to where its question came from; does nothing when that is gone. At most once; an empty
// answer: there is none.
using DnsReply = std::function<void(std::vector<std::uint8_t>)>;
// A message from somebody: the flow is theirs, as it arrives here. The bytes are good for the call only.
using DnsMessage =
    std::function<void(std::span<const std::uint8_t> message, const FiveTuple& from, DnsReply reply)>;

struct ListenerCounters {
  std::uint64_t clients = 0;          // connections by TCP, now
  std::uint64_t clients_refused = 0;  // there were as many as may be
  std::uint64_t unsent = 0;           // answers by UDP that the kernel did not take
};

// One address on which questions are taken, by UDP and by TCP.
class Listener {
 public:
  // Throws std::runtime_error when it cannot listen there. `max_clients` of TCP at once; a client that says
  // nothing for 10 s is closed.
  Listener(boost::asio::io_context& loop, const IpAddress& address, std::uint16_t port,
           std::size_t max_clients, DnsMessage message);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  ListenerCounters counters() const;

 private:
  class Client;
  void wait_for_datagrams();
  void read_datagrams();
  bool read_datagram();
  void admit(boost::asio::ip::tcp::socket socket);

  boost::asio::io_context& loop_;
  std::size_t max_clients_;
  DnsMessage message_;
  boost::asio::ip::udp::socket datagrams_;
  std::unique_ptr<TcpAcceptor> acceptor_;
  std::set<std::shared_ptr<Client>> clients_;
  std::vector<std::uint8_t> buffer_;
  ListenerCounters counters_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tollgate
