// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tollgate/control/service.hpp"

namespace tollgate {

class ControlSession;

struct ControlOptions {
  std::string path;
  std::string group;  // its members may ask everything; "" and a group that does not exist: nobody's
  std::string version;
};

struct ControlCounters {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;    // no place left
  std::uint64_t malformed = 0;  // closed because of what they sent
  std::uint64_t dropped = 0;    // watchers that did not read
  std::uint64_t accept_errors = 0;
};

// The Varlink socket (docs/control.md). Everybody may connect; peer credentials decide what they may
// ask. Bounds: kMaxClients connections, of which those who may not ask everything get no more than
// kMaxOthers; per connection kMaxMessage bytes in, and out kMaxUnsent or one reply. Nothing blocks
// the loop: big answers are made piece by piece as the socket takes them.
class ControlServer {
 public:
  static constexpr std::size_t kMaxClients = 64;
  static constexpr std::size_t kMaxOthers = 48;
  static constexpr std::size_t kMaxUnsent = 1 << 20;

  // Throws std::runtime_error that says what to do, also when another daemon answers at the path. A
  // socket file that nobody listens at is replaced. The path's last directory is made when missing.
  ControlServer(boost::asio::io_context& loop, ControlOptions options, ControlService& service);
  // Closes all connections and removes the socket file, if it is still ours. What the loop still
  // has of ours does nothing. The service must still be there.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Tells those who watch and whose filter fits. Does not call the service but for watch(false).
  void publish(const FlowEvent& event);

  const ControlCounters& counters() const { return counters_; }
  std::size_t clients() const { return sessions_.size(); }

 private:
  friend class ControlSession;

  void open_socket();
  void accept();
  void admit(boost::asio::local::stream_protocol::socket socket);
  void wait_to_accept();
  void watching(ControlSession& session);
  void closed(ControlSession& session);

  boost::asio::io_context& loop_;
  const ControlOptions options_;
  ControlService& service_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  std::optional<gid_t> group_;
  dev_t device_ = 0;  // of the socket file, to know it again
  ino_t inode_ = 0;
  std::vector<std::shared_ptr<ControlSession>> sessions_;
  std::vector<ControlSession*> watchers_;
  ControlCounters counters_;
  // Handlers that are still under way look here before they touch the server.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tollgate
