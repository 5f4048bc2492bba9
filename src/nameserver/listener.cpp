// SPDX-License-Identifier: GPL-2.0-or-later
#include "listener.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <deque>
#include <stdexcept>
#include <string>
#include <utility>

#include "endpoints.hpp"

namespace tollgate {
namespace {

using boost::asio::ip::tcp;
using boost::asio::ip::udp;
using boost::system::error_code;

constexpr unsigned kBudget = 32;             // datagrams of one turn
constexpr std::size_t kLargestQuery = 4096;  // bytes; what is longer is cut, and then makes no sense
constexpr std::chrono::seconds kIdle{10};    // RFC 7766 §6.2.3
constexpr std::size_t kMaxPipelined = 64;    // questions of one client that wait for their answers
constexpr std::size_t kUnprivileged = 1024;

template <class Endpoint>
FiveTuple tuple_of(Protocol protocol, const Endpoint& from, const Endpoint& to) {
  const auto bytes = [](const Endpoint& end) { return address_of(end.address()).bytes(); };
  FiveTuple tuple;
  tuple.protocol = protocol;
  tuple.family = from.address().is_v4() ? Family::ipv4 : Family::ipv6;
  tuple.source = bytes(from);
  tuple.source_port = from.port();
  tuple.destination = bytes(to);
  tuple.destination_port = to.port();
  return tuple;
}

[[noreturn]] void refuse(const IpAddress& address, std::uint16_t port, const error_code& error) {
  std::string text = "nameserver: cannot listen on " + address.to_string() + " port " + std::to_string(port) +
                     ": " + error.message();
  if (error == boost::asio::error::access_denied && port < kUnprivileged) {
    text += " (ports below 1024 need CAP_NET_BIND_SERVICE: choose another nameserver.port)";
  }
  if (error == boost::asio::error::address_family_not_supported) {
    text += " (the daemon's unit forbids it by itself: examples/nameserver has what allows it)";
  }
  throw std::runtime_error{text};
}

}  // namespace

// One client by TCP: messages with their length in front (RFC 1035 §4.2.2), several at once if it likes
// (RFC 7766 §6.2.1.1), answered in any order.
class Listener::Client : public std::enable_shared_from_this<Client> {
 public:
  Client(Listener& listener, tcp::socket socket)
      : listener_{&listener}, socket_{std::move(socket)}, idle_{listener.loop_} {}

  void start() {
    error_code error;
    const tcp::endpoint from = socket_.remote_endpoint(error), to = socket_.local_endpoint(error);
    if (error) return close();
    from_ = tuple_of(Protocol::tcp, from, to);
    read();
  }

  void close() {
    if (listener_ == nullptr) return;
    Listener* const listener = std::exchange(listener_, nullptr);
    error_code ignored;
    socket_.close(ignored);
    idle_.cancel();
    listener->clients_.erase(shared_from_this());
  }

 private:
  void wait_idle() {
    idle_.expires_after(kIdle);
    idle_.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->close();
    });
  }

  void read() {
    if (reading_ || waiting_ >= kMaxPipelined || answers_.size() >= kMaxPipelined) return;
    reading_ = true;
    wait_idle();
    boost::asio::async_read(socket_, boost::asio::buffer(length_),
                            [self = shared_from_this()](error_code error, std::size_t) {
                              if (error || self->listener_ == nullptr) return self->close();
                              self->read_message();
                            });
  }

  void read_message() {
    const std::size_t length = std::size_t{length_[0]} << 8 | length_[1];
    if (length > kLargestQuery) return close();
    message_.resize(length);
    boost::asio::async_read(socket_, boost::asio::buffer(message_),
                            [self = shared_from_this()](error_code error, std::size_t) {
                              if (error || self->listener_ == nullptr) return self->close();
                              self->reading_ = false;
                              self->ask();
                            });
  }

  void ask() {
    ++waiting_;
    listener_->message_(message_, from_, [weak = weak_from_this()](std::vector<std::uint8_t> answer) {
      if (const auto self = weak.lock()) self->answer(std::move(answer));
    });
    read();
  }

  void answer(std::vector<std::uint8_t> message) {
    --waiting_;
    if (listener_ == nullptr) return;
    if (message.empty()) return close();  // it does not speak DNS
    const auto length = static_cast<std::uint16_t>(message.size());
    message.insert(message.begin(),
                   {static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)});
    answers_.push_back(std::move(message));
    wait_idle();
    if (answers_.size() == 1) write();
  }

  void write() {
    boost::asio::async_write(socket_, boost::asio::buffer(answers_.front()),
                             [self = shared_from_this()](error_code error, std::size_t) {
                               if (error || self->listener_ == nullptr) return self->close();
                               self->answers_.pop_front();
                               if (!self->answers_.empty()) self->write();
                               self->read();
                             });
  }

  Listener* listener_;  // null: closed
  tcp::socket socket_;
  boost::asio::steady_timer idle_;
  FiveTuple from_;
  std::array<std::uint8_t, 2> length_{};
  std::vector<std::uint8_t> message_;
  std::deque<std::vector<std::uint8_t>> answers_;  // the first is being written
  std::size_t waiting_ = 0;                        // questions without an answer yet
  bool reading_ = false;
};

Listener::Listener(boost::asio::io_context& loop, const IpAddress& address, std::uint16_t port,
                   std::size_t max_clients, DnsMessage message)
    : loop_{loop},
      max_clients_{max_clients},
      message_{std::move(message)},
      datagrams_{loop},
      buffer_(kLargestQuery) {
  try {
    const udp::endpoint where = endpoint_of<udp>(address, port);
    datagrams_.open(where.protocol());
    datagrams_.non_blocking(true);
    datagrams_.bind(where);
    acceptor_ = std::make_unique<TcpAcceptor>(loop, endpoint_of<tcp>(address, port),
                                              [this](tcp::socket socket) { admit(std::move(socket)); });
  } catch (const boost::system::system_error& problem) {
    refuse(address, port, problem.code());
  }
  wait_for_datagrams();
}

Listener::~Listener() {
  *alive_ = false;
  while (!clients_.empty()) std::shared_ptr<Client> {
      *clients_.begin()
      } -> close();
}

ListenerCounters Listener::counters() const {
  ListenerCounters counters = counters_;
  counters.clients = clients_.size();
  return counters;
}

void Listener::admit(tcp::socket socket) {
  if (clients_.size() >= max_clients_) {
    ++counters_.clients_refused;
    return;  // and with the socket goes the connection
  }
  const auto client = std::make_shared<Client>(*this, std::move(socket));
  clients_.insert(client);
  client->start();
}

void Listener::wait_for_datagrams() {
  datagrams_.async_wait(udp::socket::wait_read, [this, alive = alive_](error_code error) {
    if (!*alive || error) return;
    read_datagrams();
    wait_for_datagrams();
  });
}

void Listener::read_datagrams() {
  for (unsigned left = kBudget; left > 0 && read_datagram();) --left;
}

bool Listener::read_datagram() {
  udp::endpoint from;
  error_code error;
  const std::size_t size = datagrams_.receive_from(boost::asio::buffer(buffer_), from, 0, error);
  if (error == boost::asio::error::would_block || error == boost::asio::error::try_again) return false;
  if (error) return true;  // what an earlier answer met
  const FiveTuple tuple = tuple_of(Protocol::udp, from, datagrams_.local_endpoint(error));
  message_({buffer_.data(), size}, tuple, [this, from, alive = alive_](std::vector<std::uint8_t> answer) {
    if (!*alive || answer.empty()) return;
    error_code problem;
    datagrams_.send_to(boost::asio::buffer(answer), from, 0, problem);
    if (problem) ++counters_.unsent;
  });
  return true;
}

}  // namespace tollgate
