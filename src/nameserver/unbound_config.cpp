// SPDX-License-Identifier: GPL-2.0-or-later
#include "unbound_config.hpp"

#include <algorithm>

namespace tollgate {
namespace {

std::string line(const std::string& key, const std::string& value) { return key + ": " + value + "\n"; }

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

std::string number(std::uint64_t value) { return std::to_string(value); }

// One process, one thread, no files but the trust anchors, and bounds on what it keeps.
std::string server(const NameserverOptions& options) {
  const std::uint64_t cache = options.cache_size;
  std::string text = "server:\n";
  text += line("verbosity", "0") + line("use-syslog", "no") + line("directory", "\"/\"");
  text += line("chroot", "\"\"") + line("username", "\"\"") + line("num-threads", "1");
  // Two thirds of it for records, as unbound's own manual has it; the rest for whole answers.
  text += line("rrset-cache-size", number(cache * 2 / 3)) + line("rrset-cache-slabs", "1");
  text += line("msg-cache-size", number(cache / 3)) + line("msg-cache-slabs", "1");
  text += line("key-cache-size", number(cache / 8)) + line("key-cache-slabs", "1");
  text += line("neg-cache-size", number(cache / 8));
  text += line("infra-cache-numhosts", "2000") + line("infra-cache-slabs", "1");
  text += line("num-queries-per-thread", number(options.max_queries));
  text += line("outgoing-range", number(options.max_queries < 512 ? options.max_queries * 2 : 1024));
  text += line("outgoing-num-tcp", "64");
  text += line("edns-buffer-size", "1232");
  // Each query by a socket that is connected: only who was asked can answer, and whose it is can be seen.
  text += line("udp-connect", "yes");
  text += line("do-not-query-localhost", "no");
  // Private networks have names that their own servers know: those are asked like any other.
  text += line("unblock-lan-zones", "yes") + line("insecure-lan-zones", "yes");
  text += line("module-config", options.root_anchor.empty() ? "\"iterator\"" : "\"validator iterator\"");
  if (!options.root_anchor.empty()) text += line("trust-anchor-file", quoted(options.root_anchor));
  for (const ForwardZone& zone : options.zones) {
    if (!zone.dnssec) text += line("domain-insecure", quoted(zone.domain));
  }
  return text;
}

// Domains that the resolver knows not to be in the public tree (RFC 6761, RFC 7686, RFC 8375) and answers for
// by itself, unless somebody says who knows them.
std::string special_domains(const NameserverOptions& options) {
  std::string text;
  for (const std::string special : {"test", "invalid", "onion", "home.arpa"}) {
    const bool known = std::ranges::any_of(options.zones, [&](const ForwardZone& zone) {
      return zone.domain == special || zone.domain.ends_with("." + special);
    });
    if (known) text += line("local-zone", quoted(special + ".") + " nodefault");
  }
  return text;
}

std::string forward(const std::string& domain, const std::vector<Upstream>& upstreams,
                    const RelayPort& relay_port) {
  std::string text = "forward-zone:\n" + line("name", quoted(domain));
  for (const Upstream& upstream : upstreams) {
    const bool tls = upstream.transport == UpstreamTransport::tls;
    const std::string host = tls ? "127.0.0.1" : upstream.address.to_string();
    text += line("forward-addr", host + "@" + number(tls ? relay_port(upstream) : upstream.port));
  }
  const bool udp = upstreams.front().transport == UpstreamTransport::udp;
  return text + line("forward-tcp-upstream", udp ? "no" : "yes");
}

}  // namespace

std::string unbound_config(const NameserverOptions& options, const RelayPort& relay_port) {
  std::string text = server(options) + special_domains(options);
  if (!options.upstreams.empty()) text += forward(".", options.upstreams, relay_port);
  for (const ForwardZone& zone : options.zones) text += forward(zone.domain, zone.upstreams, relay_port);
  return text;
}

}  // namespace tollgate
