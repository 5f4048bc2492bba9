// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tollgate/config/config.hpp"
#include "tollgate/flow/five_tuple.hpp"

namespace tollgate {

struct DnsQuery;
struct Resolution;
class Listener;
class Resolver;
class TlsAuthorities;
class TlsRelay;

// The daemon's own nameserver: takes questions on Config::nameserver, asks others, answers.
class Nameserver {
 public:
  struct World {
    // Every connection of ours to a server that is asked, from before its first packet can be seen.
    std::function<void(const FiveTuple& tuple, bool open)> own;
    // Something went wrong that may go wrong again; `key` tells what from what.
    std::function<void(std::string_view key, const std::string& text)> trouble;
  };

  // Listens from here on; answers while the loop runs. Throws std::runtime_error that says what could not be
  // had: an address, a port, a library, a file.
  Nameserver(boost::asio::io_context& loop, const Config& config, World world);
  ~Nameserver();
  Nameserver(const Nameserver&) = delete;
  Nameserver& operator=(const Nameserver&) = delete;

  // By name: what `status` shows (docs/control.md).
  std::map<std::string, std::uint64_t> counters() const;

 private:
  struct Counted {
    std::uint64_t queries = 0, answered = 0, failed = 0, bogus = 0, truncated = 0;
    std::uint64_t malformed = 0, refused = 0, dropped = 0, overload = 0, tls_failed = 0;
  };
  using Reply = std::function<void(std::vector<std::uint8_t>)>;
  struct TupleHash {
    std::size_t operator()(const FiveTuple& tuple) const { return FlowKey{tuple}.hash(); }
  };

  void open_relays(boost::asio::io_context& loop);
  std::uint16_t relay_port(const Upstream& upstream) const;
  void own(const FiveTuple& tuple, bool open);
  void on_message(std::span<const std::uint8_t> message, const FiveTuple& from, Reply reply);
  void ask(DnsQuery query, Protocol protocol, Reply reply);
  std::vector<std::uint8_t> answer(const DnsQuery& query, Protocol protocol, const Resolution& resolution);

  NameserverOptions options_;
  World world_;
  Counted counted_;
  boost::unordered_flat_set<FiveTuple, TupleHash> own_;
  std::unique_ptr<TlsAuthorities> authorities_;
  std::vector<std::unique_ptr<TlsRelay>> relays_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unique_ptr<Resolver> resolver_;  // goes first: it calls all the others
};

}  // namespace tollgate
