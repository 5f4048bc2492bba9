// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "traffic.hpp"

namespace tollgate::test {

// Sends back what it gets, TCP and UDP, on these addresses and this port, from a thread of its own
// in that namespace. Ends with its owner.
class EchoServer {
 public:
  EchoServer(const NetworkNamespace& where, const std::vector<std::string>& addresses, std::uint16_t port);
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;
  ~EchoServer();

  std::uint64_t accepted() const { return accepted_; }
  std::uint64_t datagrams() const { return datagrams_; }
  // Where the clients of the TCP connections wanted to go (SO_ORIGINAL_DST, netfilter's memory of
  // what was rerouted), in the order of their coming; port 0 where netfilter knows none.
  std::vector<Endpoint> originals() const;

 private:
  struct Stream {
    Socket socket;
    std::string waiting;  // to be written back
  };
  void serve();
  void accept_all(int listener);
  void echo_datagrams(int fd);
  bool echo_stream(Stream& stream);  // false at its end
  void watch(int fd, std::uint32_t events, int operation) const;

  Socket events_;  // epoll
  Socket stop_;    // eventfd
  std::vector<Socket> listeners_;
  std::vector<Socket> datagram_sockets_;
  std::map<int, Stream> streams_;
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> datagrams_{0};
  mutable std::mutex mutex_;
  std::vector<Endpoint> originals_;
  std::thread thread_;
};

}  // namespace tollgate::test
