// SPDX-License-Identifier: GPL-2.0-or-later
#include "resolver_reader.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "config_values.hpp"
#include "tollgate/wire/dns_name.hpp"

namespace tollgate {

std::string_view to_string(UpstreamTransport value) {
  switch (value) {
    case UpstreamTransport::udp:
      return "udp";
    case UpstreamTransport::tcp:
      return "tcp";
    case UpstreamTransport::tls:
      return "tls";
  }
  return "";
}

std::string_view to_string(RefusedNames value) {
  switch (value) {
    case RefusedNames::nxdomain:
      return "nxdomain";
    case RefusedNames::zero:
      return "zero";
    case RefusedNames::refused:
      return "refused";
  }
  return "";
}

namespace {

constexpr std::int64_t kLeastCache = 1 << 16;
constexpr std::int64_t kMostCache = 1 << 30;
constexpr std::int64_t kMostQueries = 65536;
constexpr std::int64_t kMostClients = 4096;

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

// Letters, digits, hyphens and dots: what certificates are for, and what needs no escape anywhere.
bool is_host_name(std::string_view name) {
  const auto parsed = DnsName::parse(name);
  return parsed && !parsed->is_root() && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '.' || c == '_';
         });
}

// `text` is all that stands for host and port: "192.0.2.1", "192.0.2.1:53", "2001:db8::1",
// "[2001:db8::1]:53".
bool read_endpoint(std::string_view text, Upstream& out) {
  std::string_view host = text, port;
  if (take_prefix(host, "[")) {
    const std::size_t end = host.find(']');
    if (end == std::string_view::npos) return false;
    port = host.substr(end + 1);
    host = host.substr(0, end);
    if (!port.empty() && !take_prefix(port, ":")) return false;
  } else if (std::ranges::count(host, ':') == 1) {
    const std::size_t colon = host.find(':');
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
  }
  const auto address = IpAddress::parse(host);
  if (!address || address->is_multicast() || address->bytes() == IpAddress{}.bytes()) return false;
  out.address = *address;
  if (host.size() == text.size() || text.ends_with(']')) return true;
  const auto number = parse_port(port);
  if (number) out.port = *number;
  return number.has_value();
}

// Empty when it is good.
std::string read_upstream(std::string_view text, Upstream& out) {
  if (take_prefix(text, "tls://")) {
    out.transport = UpstreamTransport::tls;
    out.port = kDnsOverTlsPort;
  } else if (take_prefix(text, "tcp://")) {
    out.transport = UpstreamTransport::tcp;
  } else {
    take_prefix(text, "udp://");
  }
  const std::size_t hash = text.find('#');
  const bool named = hash != std::string_view::npos;
  if (named) {
    out.name = text.substr(hash + 1);
    text = text.substr(0, hash);
  }
  if (!read_endpoint(text, out)) {
    return "must be an address, like \"192.0.2.1\", \"udp://192.0.2.1:5353\", \"tcp://[2001:db8::1]\" or "
           "\"tls://192.0.2.1#dns.example\"";
  }
  const bool tls = out.transport == UpstreamTransport::tls;
  if (tls && !is_host_name(out.name)) {
    return "needs the name that the server's certificate is for: \"tls://192.0.2.1#dns.example\"";
  }
  if (!tls && named) return "has a name, and only tls:// has certificates to check it by";
  return "";
}

void read_upstreams(TomlTable& table, const RerouteTarget& ourselves, std::vector<Upstream>& out) {
  const auto value = table.take("upstreams");
  if (!value) return;
  for (const TomlValue& one : value->each()) {
    const auto text = one.string();
    if (!text) continue;
    Upstream upstream;
    const std::string problem = read_upstream(*text, upstream);
    if (!problem.empty()) {
      one.error(one.name() + ": " + in_quotes(*text) + " " + problem);
      continue;
    }
    const bool loop = upstream.port == ourselves.port &&
                      (upstream.address == ourselves.address4 || upstream.address == ourselves.address6);
    if (loop) one.error(one.name() + ": " + in_quotes(*text) + " is the nameserver itself");
    if (std::ranges::find(out, upstream) != out.end()) {
      one.error(one.name() + ": " + in_quotes(*text) + " is there twice");
    }
    const bool mixed = !out.empty() && (out.front().transport == UpstreamTransport::udp) !=
                                           (upstream.transport == UpstreamTransport::udp);
    if (mixed) {
      one.error(one.name() +
                ": udp cannot stand beside tcp and tls, or what was to be encrypted would not be");
    }
    out.push_back(std::move(upstream));
  }
  if (out.size() > kMaxUpstreams) {
    value->error(value->name() + " may have at most " + std::to_string(kMaxUpstreams) + " servers");
  }
}

void read_zone(TomlTable& table, const RerouteTarget& ourselves, std::vector<ForwardZone>& out) {
  ForwardZone zone;
  const auto domain = table.take("domain");
  if (!domain) {
    table.error("each [[nameserver.zone]] needs a domain");
  } else if (const auto text = domain->string()) {
    const auto name = DnsName::parse(*text);
    if (!is_host_name(*text)) {
      domain->error(domain->name() + " must be the name of a domain, not " + in_quotes(*text));
    } else {
      zone.domain = name->text();
      if (std::ranges::find(out, zone.domain, &ForwardZone::domain) != out.end()) {
        domain->error(domain->name() + ": " + in_quotes(zone.domain) + " is there twice");
      }
    }
  }
  if (!table.take("upstreams")) table.error("each [[nameserver.zone]] needs upstreams");
  read_upstreams(table, ourselves, zone.upstreams);
  read_flag(table, "dnssec", zone.dnssec);
  table.refuse_rest();
  out.push_back(std::move(zone));
}

}  // namespace

void read_resolver(TomlTable& table, const std::string& file, const RerouteTarget& target,
                   NameserverOptions& options) {
  read_flag(table, "enabled", options.enabled);
  read_word(table, "refused_names", {RefusedNames::nxdomain, RefusedNames::zero, RefusedNames::refused},
            options.refused_names);
  read_upstreams(table, target, options.upstreams);
  if (const auto zones = table.take("zone")) {
    for (TomlTable& zone : zones->tables()) read_zone(zone, target, options.zones);
    if (options.zones.size() > kMaxForwardZones) {
      zones->error("there may be at most " + std::to_string(kMaxForwardZones) + " of [[nameserver.zone]]");
    }
  }
  read_path(table, "root_anchor", file, options.root_anchor);
  read_path(table, "tls_ca", file, options.tls_ca);
  const auto unfit = [](char c) { return c == '"' || (c >= 0 && c < ' '); };
  if (std::ranges::any_of(options.root_anchor, unfit)) {
    table.take("root_anchor")->error("nameserver.root_anchor may have no quotation marks or line breaks");
  }
  read_number(table, "cache_size", kLeastCache, kMostCache, options.cache_size);
  read_number(table, "max_queries", 1, kMostQueries, options.max_queries);
  read_number(table, "max_clients", 1, kMostClients, options.max_clients);
}

}  // namespace tollgate
