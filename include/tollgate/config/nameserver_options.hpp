// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tollgate/base/ip.hpp"

namespace tollgate {

inline constexpr std::size_t kMaxUpstreams = 16;  // of one zone
inline constexpr std::size_t kMaxForwardZones = 256;
inline constexpr std::uint16_t kDnsOverTlsPort = 853;  // RFC 7858 §3.1

// How a server is asked. udp: long answers by TCP.
enum class UpstreamTransport : std::uint8_t { udp, tcp, tls };
std::string_view to_string(UpstreamTransport value);

// How a question is answered that a rule refuses: there is no such name; its address is 0.0.0.0, ::; REFUSED.
enum class RefusedNames : std::uint8_t { nxdomain, zero, refused };
std::string_view to_string(RefusedNames value);

// A server that is asked: "192.0.2.1", "udp://192.0.2.1:5353", "tcp://[2001:db8::1]:53",
// "tls://192.0.2.1#dns.example".
struct Upstream {
  UpstreamTransport transport = UpstreamTransport::udp;
  IpAddress address;
  std::uint16_t port = 53;
  std::string name;  // tls: that its certificate has to be for
  friend bool operator==(const Upstream&, const Upstream&) = default;
};

// Who is asked about a domain and all below it. They are tried in no fixed order: those that answer fast and
// reliably first, the others when they do not.
struct ForwardZone {
  std::string domain;  // canonical, without a dot at the end
  std::vector<Upstream> upstreams;
  bool dnssec = true;  // false: the domain is not signed, or not with what its parents say
  friend bool operator==(const ForwardZone&, const ForwardZone&) = default;
};

// The daemon's own nameserver (DESIGN.md §7). Where it listens is Config::nameserver.
struct NameserverOptions {
  bool enabled = false;
  RefusedNames refused_names = RefusedNames::nxdomain;
  std::vector<Upstream> upstreams;  // for all names; none: the servers of the zones, from the root down
  std::vector<ForwardZone> zones;   // for some
  std::string root_anchor;          // file of trust anchors (DS, DNSKEY); "": answers are not validated
  std::string tls_ca;               // file of certificates that tls servers\' are to be by; "": the system\'s
  std::uint32_t cache_size = 8 << 20;  // bytes, about
  std::uint32_t max_queries = 1024;    // that wait for an answer at once
  std::uint32_t max_clients = 64;      // connections by TCP
  friend bool operator==(const NameserverOptions&, const NameserverOptions&) = default;
};

}  // namespace tollgate
