// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/packet.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "tollgate/wire/dccp.hpp"
#include "tollgate/wire/ipv4.hpp"
#include "tollgate/wire/ipv6.hpp"
#include "tollgate/wire/sctp.hpp"
#include "tollgate/wire/udp.hpp"

namespace tollgate {
namespace {

using Error = std::optional<ParseError>;

Parsed<IpHeader> parse_ip(CutReader& in) {
  if (in.on_wire() == 0) return ParseError::empty;
  Reader first;
  std::uint8_t version = 0;
  if (!in.peek(1, first)) return in.lacking(1);
  first.u8(version);
  if (version >> 4 == 4) return parse_ipv4(in);
  if (version >> 4 == 6) return parse_ipv6(in);
  return ParseError::bad_version;
}

void set_addresses(Endpoints& endpoints, const IpHeader& ip) {
  endpoints.source = ip.source;
  endpoints.destination = ip.destination;
  endpoints.protocol = ip.protocol;
}

Error set_ports(Endpoints& endpoints, const Parsed<Ports>& ports) {
  if (!ports) return ports.error();
  endpoints.source_port = ports->source;
  endpoints.destination_port = ports->destination;
  return {};
}

// ICMP speaks about its own IP version; in the other it is a protocol like any that we do not read.
bool is_native_icmp(const Endpoints& endpoints) {
  return endpoints.protocol ==
         (endpoints.source.family() == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6);
}

Error parse_quoted_transport(CutReader& in, Endpoints& inner) {
  if (has_ports(inner.protocol)) return set_ports(inner, parse_ports(in));
  if (!is_native_icmp(inner)) return {};
  const Parsed<IcmpHeader> icmp = parse_icmp(in, inner.protocol);
  if (!icmp) return icmp.error();
  inner.icmp = *icmp;
  return {};
}

// Only what names the flow: an error quotes as little as eight bytes above IP (RFC 792).
bool parse_quoted(CutReader in, Endpoints& inner) {
  const Parsed<IpHeader> ip = parse_ip(in);
  if (!ip || ip->fragment == Fragment::later) return false;
  Endpoints quoted;
  set_addresses(quoted, *ip);
  if (parse_quoted_transport(in, quoted)) return false;
  inner = quoted;
  return true;
}

Error parse_tcp_into(CutReader& in, Packet& packet) {
  const Parsed<TcpHeader> tcp = parse_tcp(in);
  if (!tcp) return tcp.error();
  packet.endpoints.source_port = tcp->source_port;
  packet.endpoints.destination_port = tcp->destination_port;
  packet.tcp_flags = tcp->flags;
  packet.tcp_sequence = tcp->sequence;
  return {};
}

Error parse_icmp_into(CutReader& in, Packet& packet) {
  Endpoints& endpoints = packet.endpoints;
  if (!is_native_icmp(endpoints)) return {};
  const Parsed<IcmpHeader> icmp = parse_icmp(in, endpoints.protocol);
  if (!icmp) return icmp.error();
  endpoints.icmp = *icmp;
  packet.icmp_error = is_icmp_error(endpoints.protocol, icmp->type);
  packet.has_inner = packet.icmp_error && parse_quoted(in, packet.inner);
  return {};
}

Error parse_transport(CutReader& in, Packet& packet) {
  switch (packet.endpoints.protocol) {
    case Protocol::tcp:
      return parse_tcp_into(in, packet);
    case Protocol::udp:
      return set_ports(packet.endpoints, parse_udp(in, packet.fragment));
    case Protocol::udplite:
      return set_ports(packet.endpoints, parse_udplite(in, packet.fragment));
    case Protocol::sctp:
      return set_ports(packet.endpoints, parse_sctp(in));
    case Protocol::dccp:
      return set_ports(packet.endpoints, parse_dccp(in));
    case Protocol::icmp:
    case Protocol::icmpv6:
      return parse_icmp_into(in, packet);
    case Protocol::igmp:
    case Protocol::gre:
    case Protocol::esp:
    case Protocol::ah:
      break;
  }
  return {};
}

Error parse_into(CutReader in, Packet& packet) {
  const std::size_t wire = in.on_wire();
  const Parsed<IpHeader> ip = parse_ip(in);
  if (!ip) return ip.error();
  set_addresses(packet.endpoints, *ip);
  packet.fragment = ip->fragment;
  packet.length = ip->length;
  packet.hop_limit = ip->hop_limit;
  if (ip->fragment != Fragment::later) {
    if (const Error error = parse_transport(in, packet)) return error;
  }
  if (ip->length > wire) return ParseError::bad_length;
  packet.payload = in.rest();
  return {};
}

}  // namespace

Parsed<Packet> parse_packet(std::span<const std::uint8_t> bytes, std::size_t wire_length) {
  Parsed<Packet> result{std::in_place};  // copying a Packet would cost as much as parsing it
  if (const Error error = parse_into(CutReader{bytes, wire_length}, *result)) result = *error;
  return result;
}

}  // namespace tollgate
