// SPDX-License-Identifier: GPL-2.0-or-later
// [nameserver] as the daemon's own resolver has it.
#include "catch.hpp"
#include "tollgate/config/config.hpp"

namespace tollgate {
namespace {

using Lines = std::vector<std::string>;

// `lines` begin in the file's fourth line.
std::string table(const std::string& lines) {
  return "[nameserver]\naddress4 = \"127.0.0.1\"\nport = 5300\n" + lines;
}

NameserverOptions good(const std::string& lines) {
  const auto config = parse_config(table(lines), "/etc/tollgate/tollgate.toml");
  if (!config) FAIL(config.error().front().to_string());
  return config->resolver;
}

Lines wrong(const std::string& lines) {
  Lines found;
  const auto config = parse_config(table(lines), "t.toml");
  if (config) return found;
  for (const Diagnostic& diagnostic : config.error()) found.push_back(diagnostic.to_string());
  return found;
}

TEST_CASE("without enabled the nameserver is somebody else's") {
  CHECK(good("") == NameserverOptions{});
  CHECK_FALSE(good("").enabled);
}

TEST_CASE("all forms of upstreams") {
  const NameserverOptions options = good(
      "enabled = true\nupstreams = [\"192.0.2.1\", \"udp://192.0.2.2:5353\", \"2001:db8::1\", "
      "\"[2001:db8::2]:54\"]\n[[nameserver.zone]]\ndomain = \"Corp.Test.\"\n"
      "upstreams = [\"tcp://10.0.0.1\", \"tls://10.0.0.2#dns.corp.test\", \"tls://[2001:db8::3]:8853#x\"]\n"
      "dnssec = false\n");
  CHECK(options.enabled);
  const auto address = [](const char* text) { return *IpAddress::parse(text); };
  CHECK(options.upstreams == std::vector<Upstream>{{UpstreamTransport::udp, address("192.0.2.1"), 53, ""},
                                                   {UpstreamTransport::udp, address("192.0.2.2"), 5353, ""},
                                                   {UpstreamTransport::udp, address("2001:db8::1"), 53, ""},
                                                   {UpstreamTransport::udp, address("2001:db8::2"), 54, ""}});
  REQUIRE(options.zones.size() == 1);
  CHECK(options.zones[0].domain == "corp.test");
  CHECK_FALSE(options.zones[0].dnssec);
  CHECK(options.zones[0].upstreams ==
        std::vector<Upstream>{{UpstreamTransport::tcp, address("10.0.0.1"), 53, ""},
                              {UpstreamTransport::tls, address("10.0.0.2"), 853, "dns.corp.test"},
                              {UpstreamTransport::tls, address("2001:db8::3"), 8853, "x"}});
}

TEST_CASE("files beside the configuration, bounds") {
  const NameserverOptions options = good(
      "root_anchor = \"root.key\"\ntls_ca = \"/ca.pem\"\ncache_size = 65536\nmax_queries = 10\nmax_clients = "
      "2\n");
  CHECK(options.root_anchor == "/etc/tollgate/root.key");
  CHECK(options.tls_ca == "/ca.pem");
  CHECK(options.cache_size == 65536);
  CHECK(options.max_queries == 10);
  CHECK(options.max_clients == 2);
}

TEST_CASE("upstreams that cannot be are named, each with its place") {
  const std::string form =
      " must be an address, like \"192.0.2.1\", \"udp://192.0.2.1:5353\", \"tcp://[2001:db8::1]\" or "
      "\"tls://192.0.2.1#dns.example\"";
  CHECK(wrong("upstreams = [\"dns.test\"]\n") ==
        Lines{"t.toml:4:14: nameserver.upstreams: \"dns.test\"" + form});
  for (const char* text : {"192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:53x", "[2001:db8::1",
                           "[2001:db8::1]53", "224.0.0.1", "0.0.0.0", "https://192.0.2.1"}) {
    INFO(text);
    CHECK(wrong(std::string{"upstreams = \""} + text + "\"\n") ==
          Lines{std::string{"t.toml:4:13: nameserver.upstreams: \""} + text + "\"" + form});
  }
  CHECK(wrong("upstreams = \"tls://192.0.2.1\"\n") ==
        Lines{"t.toml:4:13: nameserver.upstreams: \"tls://192.0.2.1\" needs the name that the server's "
              "certificate "
              "is for: \"tls://192.0.2.1#dns.example\""});
  CHECK(wrong("upstreams = \"192.0.2.1#x\"\n") == Lines{"t.toml:4:13: nameserver.upstreams: \"192.0.2.1#x\" "
                                                        "has a name, and only tls:// has certificates to "
                                                        "check it by"});
  CHECK(wrong("upstreams = \"127.0.0.1:5300\"\n") ==
        Lines{"t.toml:4:13: nameserver.upstreams: \"127.0.0.1:5300\" is the nameserver itself"});
  CHECK(wrong("upstreams = [\"192.0.2.1\", \"udp://192.0.2.1:53\"]\n") ==
        Lines{"t.toml:4:27: nameserver.upstreams: \"udp://192.0.2.1:53\" is there twice"});
  CHECK(wrong("upstreams = [\"192.0.2.1\", \"tls://192.0.2.2#x\"]\n") ==
        Lines{"t.toml:4:27: nameserver.upstreams: udp cannot stand beside tcp and tls, or what was to be "
              "encrypted "
              "would not be"});
}

TEST_CASE("zones that cannot be are named") {
  CHECK(wrong("[[nameserver.zone]]\n") == Lines{"t.toml:4:1: each [[nameserver.zone]] needs a domain",
                                                "t.toml:4:1: each [[nameserver.zone]] needs upstreams"});
  CHECK(wrong("[[nameserver.zone]]\ndomain = \"a..b\"\nupstreams = \"192.0.2.1\"\n") ==
        Lines{"t.toml:5:10: nameserver.zone.domain must be the name of a domain, not \"a..b\""});
  CHECK(wrong("[[nameserver.zone]]\ndomain = \"x\\\"y\"\nupstreams = \"192.0.2.1\"\n").size() == 1);
  const std::string zone = "[[nameserver.zone]]\ndomain = \"a.test\"\nupstreams = \"192.0.2.1\"\n";
  CHECK(wrong(zone + zone) == Lines{"t.toml:8:10: nameserver.zone.domain: \"a.test\" is there twice"});
  CHECK(
      wrong("[[nameserver.zone]]\ndomain = \"a.test\"\nupstreams = \"192.0.2.1\"\nsigned = true\n").size() ==
      1);
}

TEST_CASE("what would break the resolver's own configuration is refused") {
  CHECK(wrong("root_anchor = \"a\\\"b\"\n") ==
        Lines{"t.toml:4:15: nameserver.root_anchor may have no quotation marks or line breaks"});
  CHECK(wrong("root_anchor = \"a\\nb\"\n").size() == 1);
  CHECK(wrong("max_queries = 0\n").size() == 1);
  CHECK(wrong("cache_size = 1\n").size() == 1);
}

}  // namespace
}  // namespace tollgate
