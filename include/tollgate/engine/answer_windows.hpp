// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "tollgate/base/ip.hpp"
#include "tollgate/base/time.hpp"

namespace tollgate {

// At most so many windows are open at once; at the limit the one that closes first closes early.
inline constexpr std::size_t kMaxAnswerWindows = 1024;

// A UDP endpoint of this machine.
struct LocalEndpoint {
  IpAddress address;
  std::uint16_t port = 0;
  friend bool operator==(const LocalEndpoint&, const LocalEndpoint&) = default;
};
std::size_t hash_value(const LocalEndpoint& endpoint);

// The sockets that have just sent a multicast or broadcast packet: conntrack cannot tell whose answers
// the unicast packets are that come to them now from anywhere (mDNS, SSDP, DHCP).
class AnswerWindows {
 public:
  explicit AnswerWindows(Duration length) : length_{length} {}

  void open(const LocalEndpoint& endpoint, Time now);  // or keep open from now on
  bool is_open(const LocalEndpoint& endpoint, Time now) const;
  void close(const LocalEndpoint& endpoint);  // its socket is gone
  void close_over(Time now);
  std::optional<Time> next_deadline() const;
  std::size_t size() const { return windows_.size(); }

 private:
  struct Opening {
    LocalEndpoint endpoint;
    Time closes;
  };
  Duration length_;
  boost::unordered_flat_map<LocalEndpoint, Time> windows_;  // when each closes
  // In order of time. What was opened again or closed since stands here in vain until its time.
  std::deque<Opening> openings_;
};

}  // namespace tollgate
