// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tollgate/config/nameserver_options.hpp"
#include "tollgate/wire/dns.hpp"
#include "unbound_config.hpp"
#include "unbound_events.hpp"

struct ub_ctx;

namespace tollgate {

// What came of a question. Views are good for the call only.
struct Resolution {
  bool failed = true;  // nobody could be asked, or nobody's answer made sense
  // The whole answer with its question, as a server would give it; also what could not be validated.
  std::span<const std::uint8_t> message = {};
  bool secure = false;  // validated
  bool bogus = false;   // signed, and not by whom it should be
  std::string_view why = {};
};

// Asks the servers of the world: libunbound, in our loop and our thread.
class Resolver {
 public:
  // Throws std::runtime_error that says what could not be done.
  Resolver(boost::asio::io_context& loop, const NameserverOptions& options, const RelayPort& relay_port,
           UnboundEvents::Own own);
  // What was asked and not answered stays so.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  using Done = std::function<void(const Resolution&)>;
  // `done` is called once, perhaps before this returns.
  void resolve(const DnsName& name, DnsType type, Done done);
  std::size_t in_flight() const { return asked_.size(); }

 private:
  struct Asked {
    Resolver* resolver = nullptr;
    Done done;
  };
  static void answered(void* asked, int rcode, void* packet, int length, int security, char* why,
                       int limited);
  void configure(const std::string& text);
  void begin(const NameserverOptions& options);
  void finish(Asked* asked, const Resolution& resolution);
  void wait();

  UnboundEvents events_;
  boost::asio::posix::stream_descriptor readable_;
  std::unique_ptr<ub_ctx, void (*)(ub_ctx*)> context_;
  boost::unordered_flat_map<Asked*, std::unique_ptr<Asked>> asked_;
};

}  // namespace tollgate
