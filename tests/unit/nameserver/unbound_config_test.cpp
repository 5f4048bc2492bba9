// SPDX-License-Identifier: GPL-2.0-or-later
#include "nameserver/unbound_config.hpp"

#include "catch.hpp"

namespace tollgate {
namespace {

Upstream upstream(UpstreamTransport transport, const char* address, std::uint16_t port,
                  const char* name = "") {
  return {transport, *IpAddress::parse(address), port, name};
}

std::string rendered(const NameserverOptions& options) {
  return unbound_config(options,
                        [](const Upstream& one) { return static_cast<std::uint16_t>(one.port + 1); });
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("without upstreams the resolver begins at the root, and validates nothing unless told to") {
  const std::string text = rendered({});
  CHECK_FALSE(has(text, "forward-zone"));
  CHECK(has(text, "module-config: \"iterator\"\n"));
  CHECK_FALSE(has(text, "trust-anchor"));
}

TEST_CASE("upstreams and zones are forwards") {
  NameserverOptions options;
  options.upstreams = {upstream(UpstreamTransport::udp, "192.0.2.1", 53),
                       upstream(UpstreamTransport::udp, "2001:db8::1", 5353)};
  options.zones = {{"corp.test", {upstream(UpstreamTransport::tcp, "10.0.0.1", 53)}, false}};
  options.root_anchor = "/etc/root.key";
  const std::string text = rendered(options);
  CHECK(has(text,
            "forward-zone:\nname: \".\"\nforward-addr: 192.0.2.1@53\nforward-addr: 2001:db8::1@5353\n"
            "forward-tcp-upstream: no\n"));
  CHECK(has(text, "name: \"corp.test\"\nforward-addr: 10.0.0.1@53\nforward-tcp-upstream: yes\n"));
  CHECK(has(text, "domain-insecure: \"corp.test\"\n"));
  CHECK(has(text, "module-config: \"validator iterator\"\ntrust-anchor-file: \"/etc/root.key\"\n"));
}

TEST_CASE("domains that are nobody's by themselves may be given to somebody") {
  NameserverOptions options;
  CHECK_FALSE(has(rendered(options), "nodefault"));
  options.zones = {{"corp.test", {upstream(UpstreamTransport::udp, "10.0.0.1", 53)}, true},
                   {"home.arpa", {upstream(UpstreamTransport::udp, "10.0.0.1", 53)}, true},
                   {"attest", {upstream(UpstreamTransport::udp, "10.0.0.1", 53)}, true}};
  const std::string text = rendered(options);
  CHECK(has(text, "local-zone: \"test.\" nodefault\nlocal-zone: \"home.arpa.\" nodefault\n"));
  CHECK_FALSE(has(text, "onion"));
}

TEST_CASE("servers by TLS are reached by their relays") {
  NameserverOptions options;
  options.upstreams = {upstream(UpstreamTransport::tls, "192.0.2.1", 853, "dns.test")};
  CHECK(has(rendered(options), "forward-addr: 127.0.0.1@854\nforward-tcp-upstream: yes\n"));
}

}  // namespace
}  // namespace tollgate
