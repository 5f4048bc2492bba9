// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tollgate/config/config.hpp"
#include "tollgate/flow/five_tuple.hpp"
#include "tollgate/wire/dns.hpp"

namespace tollgate {

struct DnsQuery;
struct Resolution;
class Listener;
class Resolver;
class TlsAuthorities;
class TlsRelay;

// Who asks for which name. `from` is the question's flow as it arrives here.
struct AskedName {
  FiveTuple from;
  std::string domain;  // canonical
  DnsType type = DnsType::a;
};

// What came of it. Views are good for the call only.
struct AnsweredName {
  std::vector<std::string> aliases;  // that the name stands for, canonical
  std::vector<IpAddress> addresses;  // of them all, hints of HTTPS records (RFC 9460 §7.3) too
  std::span<const std::uint8_t> query;
  std::span<const std::uint8_t> answer;  // as the asker gets it
};

// The daemon's own nameserver: takes questions on Config::nameserver, asks others, answers.
class Nameserver {
 public:
  struct World {
    // Every connection of ours to a server that is asked, from before its first packet can be seen.
    std::function<void(const FiveTuple& tuple, bool open)> own;
    // Why the asker gets no answer, for people; nullopt: they do. Before others are asked, and with what they
    // said.
    std::function<std::optional<std::string>(const AskedName&)> refuses;
    std::function<std::optional<std::string>(const AskedName&, const AnsweredName&)> refuses_answer;
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
    std::uint64_t blocked = 0, malformed = 0, refused = 0, dropped = 0, overload = 0, tls_failed = 0;
  };
  using Reply = std::function<void(std::vector<std::uint8_t>)>;
  struct TupleHash {
    std::size_t operator()(const FiveTuple& tuple) const { return FlowKey{tuple}.hash(); }
  };

  void open_relays(boost::asio::io_context& loop);
  std::uint16_t relay_port(const Upstream& upstream) const;
  void own(const FiveTuple& tuple, bool open);
  void on_message(std::span<const std::uint8_t> message, const FiveTuple& from, Reply reply);
  struct Question;  // that waits for its answer
  void ask(Question question);
  std::vector<std::uint8_t> answer(const Question& question, const Resolution& resolution);
  std::vector<std::uint8_t> refuse(const DnsQuery& query, const std::string& why);

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
