// SPDX-License-Identifier: GPL-2.0-or-later
#include "tls_relay.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "endpoints.hpp"
#include "socket_tuple.hpp"

namespace tollgate {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds kHandshakeTime{5};
constexpr std::size_t kChunk = 16 << 10;

}  // namespace

// Reads from one side only when the other has taken what was read before: no more than a chunk waits.
class TlsRelay::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(TlsRelay& relay, tcp::socket local)
      : relay_{&relay},
        local_{std::move(local)},
        remote_{relay.loop_},
        deadline_{relay.loop_},
        session_{relay.authorities_, relay.upstream_.name} {}

  void start() {
    const tcp::endpoint to = endpoint_of<tcp>(relay_->upstream_.address, relay_->upstream_.port);
    error_code error;
    remote_.open(to.protocol(), error);
    if (error) return close(error.message());
    deadline_.expires_after(kHandshakeTime);
    deadline_.async_wait([self = shared_from_this()](error_code stopped) {
      if (!stopped) self->close("no answer");
    });
    remote_.async_connect(to, [self = shared_from_this()](error_code problem) {
      if (problem) return self->close(problem.message());
      self->write_remote();
      self->read_remote();
    });
    tuple_ = connected_tuple(remote_.native_handle());
    if (tuple_) relay_->own_.tell(*tuple_, true);
  }

  // Without a reason: somebody just ended it.
  void close(const std::string& why = "") {
    if (relay_ == nullptr) return;
    TlsRelay* const relay = std::exchange(relay_, nullptr);
    if (!why.empty()) relay->trouble_(why);
    if (tuple_) relay->own_.tell(*tuple_, false);
    error_code ignored;
    local_.close(ignored);
    remote_.close(ignored);
    deadline_.cancel();
    relay->closed(shared_from_this());
  }

 private:
  void read_local() {
    local_.async_read_some(boost::asio::buffer(clear_),
                           [self = shared_from_this()](error_code error, std::size_t n) {
                             if (error) return self->close();
                             if (!self->session_.send({self->clear_.data(), n}))
                               return self->close(self->session_.error());
                             self->write_remote([self] { self->read_local(); });
                           });
  }

  void read_remote() {
    remote_.async_read_some(boost::asio::buffer(coded_),
                            [self = shared_from_this()](error_code error, std::size_t n) {
                              if (error)
                                return self->close(self->session_.established() ? "" : error.message());
                              const bool before = self->session_.established();
                              if (!self->session_.receive({self->coded_.data(), n})) return self->fail();
                              self->write_remote();
                              self->write_local();
                              if (before || !self->session_.established()) return;
                              self->deadline_.cancel();
                              self->read_local();
                            });
  }

  // The server hears why, if there is something to say.
  void fail() {
    const bool ended = session_.established();  // as servers do when nobody asks anything
    write_remote([self = shared_from_this(), ended] { self->close(ended ? "" : self->session_.error()); },
                 true);
  }

  void write_local() {
    to_local_ = session_.take_received();
    if (to_local_.empty()) return read_remote();
    boost::asio::async_write(local_, boost::asio::buffer(to_local_),
                             [self = shared_from_this()](error_code error, std::size_t) {
                               if (error) return self->close();
                               self->read_remote();
                             });
  }

  // `then`: when all of it is on its way.
  void write_remote(std::function<void()> then = nullptr, bool last = false) {
    if (then) then_.push_back(std::move(then));
    if (writing_) return;
    to_remote_ = session_.take_outgoing();
    if (to_remote_.empty()) return written();
    writing_ = true;
    boost::asio::async_write(remote_, boost::asio::buffer(to_remote_),
                             [self = shared_from_this(), last](error_code error, std::size_t) {
                               self->writing_ = false;
                               if (error && !last) return self->close(error.message());
                               self->write_remote();
                             });
  }

  void written() {
    for (const auto& then : std::exchange(then_, {})) {
      if (relay_ != nullptr) then();
    }
  }

  TlsRelay* relay_;  // null: closed
  tcp::socket local_;
  tcp::socket remote_;
  boost::asio::steady_timer deadline_;
  TlsSession session_;
  std::optional<FiveTuple> tuple_;
  std::array<std::uint8_t, kChunk> clear_;
  std::array<std::uint8_t, kChunk> coded_;
  std::vector<std::uint8_t> to_local_;
  std::vector<std::uint8_t> to_remote_;
  std::vector<std::function<void()>> then_;
  bool writing_ = false;
};

TlsRelay::TlsRelay(boost::asio::io_context& loop, const Upstream& upstream, const TlsAuthorities& authorities,
                   const OwnConnections& own, std::function<void(const std::string&)> trouble)
    : loop_{loop},
      upstream_{upstream},
      authorities_{authorities},
      own_{own},
      trouble_{std::move(trouble)},
      acceptor_{loop, {boost::asio::ip::address_v4::loopback(), 0}, [this](tcp::socket socket) {
                  admit(std::move(socket));
                }} {}

TlsRelay::~TlsRelay() {
  while (!connections_.empty()) std::shared_ptr<Connection> {
      *connections_.begin()
      } -> close();
}

void TlsRelay::admit(tcp::socket socket) {
  if (connections_.size() >= kMaxConnections || !is_ours(socket)) return;  // and with it goes the connection
  const auto connection = std::make_shared<Connection>(*this, std::move(socket));
  connections_.insert(connection);
  connection->start();
}

bool TlsRelay::is_ours(tcp::socket& socket) const {
  const auto tuple = connected_tuple(socket.native_handle());
  return tuple && own_.is_open(tuple->reversed());
}

}  // namespace tollgate
