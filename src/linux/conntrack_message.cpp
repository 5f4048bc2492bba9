// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack_message.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "netlink_reader.hpp"

namespace tollgate {

namespace {
constexpr auto kHighestMark = static_cast<std::uint32_t>(FlowMark::tunnel);
constexpr std::uint8_t kIcmpEchoReply = 0, kIcmpEcho = 8;          // RFC 792
constexpr std::uint8_t kIcmpv6Echo = 128, kIcmpv6EchoReply = 129;  // RFC 4443 §4

bool u64(Reader& in, std::uint64_t& out) {
  std::uint32_t high = 0, low = 0;
  if (!in.u32(high) || !in.u32(low)) return false;
  out = std::uint64_t{high} << 32 | low;
  return true;
}

bool is_echo(Protocol protocol, std::uint8_t type) {
  return protocol == Protocol::icmp ? type == kIcmpEcho || type == kIcmpEchoReply
                                    : type == kIcmpv6Echo || type == kIcmpv6EchoReply;
}

// CTA_TUPLE_IP. True when both ends are there.
bool read_addresses(Reader in, FiveTuple& tuple) {
  NetlinkAttributes attributes{in};
  bool source = false, destination = false;
  std::uint16_t type = 0;
  Reader value;
  while (attributes.next(type, value)) {
    switch (type) {
      case CTA_IP_V4_SRC:
        source = value.copy(std::span{tuple.source}.first<4>());
        break;
      case CTA_IP_V4_DST:
        destination = value.copy(std::span{tuple.destination}.first<4>());
        break;
      case CTA_IP_V6_SRC:
        source = value.copy(tuple.source);
        tuple.family = Family::ipv6;
        break;
      case CTA_IP_V6_DST:
        destination = value.copy(tuple.destination);
        tuple.family = Family::ipv6;
        break;
      default:
        break;  // the kernel's numbers, not ours: there may be more of them one day
    }
  }
  return source && destination;
}

struct IcmpFields {
  std::uint16_t id = 0;
  std::uint8_t type = 0;
  std::uint8_t code = 0;
};

void set_icmp(FiveTuple& tuple, const IcmpFields& icmp) {
  tuple.source_port = is_echo(tuple.protocol, icmp.type) ? icmp.id : std::uint16_t{0};
  tuple.destination_port = static_cast<std::uint16_t>(icmp.type * 256 + icmp.code);
}

// CTA_TUPLE_PROTO. False without a protocol or when a field is too short.
bool read_protocol(Reader in, FiveTuple& tuple) {
  NetlinkAttributes attributes{in};
  bool known = false, whole = true;
  IcmpFields icmp;
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0, destination_port = 0;
  std::uint16_t type = 0;
  Reader value;
  while (attributes.next(type, value)) {
    switch (type) {
      case CTA_PROTO_NUM:
        known = value.u8(protocol);
        break;
      case CTA_PROTO_SRC_PORT:
        whole = whole && value.u16(source_port);
        break;
      case CTA_PROTO_DST_PORT:
        whole = whole && value.u16(destination_port);
        break;
      case CTA_PROTO_ICMP_ID:
      case CTA_PROTO_ICMPV6_ID:
        whole = whole && value.u16(icmp.id);
        break;
      case CTA_PROTO_ICMP_TYPE:
      case CTA_PROTO_ICMPV6_TYPE:
        whole = whole && value.u8(icmp.type);
        break;
      case CTA_PROTO_ICMP_CODE:
      case CTA_PROTO_ICMPV6_CODE:
        whole = whole && value.u8(icmp.code);
        break;
      default:
        break;
    }
  }
  tuple.protocol = static_cast<Protocol>(protocol);
  if (is_icmp(tuple.protocol)) {
    set_icmp(tuple, icmp);
  } else if (has_ports(tuple.protocol)) {
    tuple.source_port = source_port;
    tuple.destination_port = destination_port;
  }
  return known && whole;
}

// CTA_COUNTERS_ORIG and _REPLY, added up: only there while net.netfilter.nf_conntrack_acct is on.
void add_counters(Reader in, ConntrackEntry& entry) {
  NetlinkAttributes attributes{in};
  std::uint16_t type = 0;
  Reader value;
  std::uint64_t number = 0;
  while (attributes.next(type, value)) {
    if (type == CTA_COUNTERS_PACKETS && u64(value, number))
      entry.packets = entry.packets.value_or(0) + number;
    if (type == CTA_COUNTERS_BYTES && u64(value, number)) entry.bytes = entry.bytes.value_or(0) + number;
  }
}

// CTA_PROTOINFO: the TCP state.
std::optional<TcpState> read_tcp_state(Reader in) {
  NetlinkAttributes attributes{in};
  std::uint16_t type = 0;
  Reader value;
  while (attributes.next(type, value)) {
    if (type != CTA_PROTOINFO_TCP) continue;
    NetlinkAttributes fields{value};
    std::uint8_t state = 0;
    while (fields.next(type, value)) {
      if (type != CTA_PROTOINFO_TCP_STATE || !value.u8(state)) continue;
      if (state > static_cast<std::uint8_t>(TcpState::syn_sent2)) return std::nullopt;
      return static_cast<TcpState>(state);
    }
  }
  return std::nullopt;
}
}  // namespace

std::optional<FiveTuple> decode_tuple(Reader in) {
  FiveTuple tuple;
  NetlinkAttributes attributes{in};
  bool addresses = false, protocol = false;
  std::uint16_t type = 0;
  Reader value;
  while (attributes.next(type, value)) {
    if (type == CTA_TUPLE_IP) addresses = read_addresses(value, tuple);
    if (type == CTA_TUPLE_PROTO) protocol = read_protocol(value, tuple);
  }
  if (!addresses || !protocol) return std::nullopt;
  return tuple;
}

std::optional<ConntrackAttributes> decode_conntrack_attributes(Reader in) {
  ConntrackAttributes found;
  ConntrackEntry& entry = found.entry;
  std::optional<FiveTuple> original, reply;
  std::uint32_t seconds = 0, mark = 0, status = 0;
  NetlinkAttributes attributes{in};
  std::uint16_t type = 0;
  Reader value;
  while (attributes.next(type, value)) {
    switch (type) {
      case CTA_TUPLE_ORIG:
        original = decode_tuple(value);
        break;
      case CTA_TUPLE_REPLY:
        reply = decode_tuple(value);
        break;
      case CTA_TUPLE_MASTER:
        found.master = decode_tuple(value);
        break;
      case CTA_MARK:
        if (!value.u32(mark)) return std::nullopt;
        found.mark = mark;
        break;
      case CTA_STATUS:
        if (!value.u32(status)) return std::nullopt;
        entry.expected = (status & IPS_EXPECTED) != 0;
        break;
      case CTA_ID:
        if (!value.u32(entry.id)) return std::nullopt;
        break;
      case CTA_TIMEOUT:
        if (!value.u32(seconds)) return std::nullopt;
        entry.expires_in = std::chrono::seconds{seconds};
        break;
      case CTA_COUNTERS_ORIG:
      case CTA_COUNTERS_REPLY:
        add_counters(value, entry);
        break;
      case CTA_PROTOINFO:
        entry.tcp = read_tcp_state(value);
        break;
      default:
        break;
    }
  }
  if (!original) return std::nullopt;
  entry.original = *original;
  entry.reply = reply ? *reply : original->reversed();
  return found;
}

std::optional<ConntrackMessage> decode_conntrack(std::span<const std::uint8_t> message) {
  Reader in{message};
  nlmsghdr header{};
  nfgenmsg family{};
  if (!read_struct(in, header) || !read_struct(in, family)) return std::nullopt;
  ConntrackMessage decoded;
  if (header.nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE)) {
    decoded.kind = ConntrackChanged::Kind::destroyed;
  } else if (header.nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW)) {
    decoded.kind = (header.nlmsg_flags & NLM_F_CREATE) != 0 ? ConntrackChanged::Kind::started
                                                            : ConntrackChanged::Kind::updated;
  } else {
    return std::nullopt;
  }
  const std::optional<ConntrackAttributes> attributes = decode_conntrack_attributes(in);
  if (!attributes) return std::nullopt;
  decoded.attributes = *attributes;
  return decoded;
}

ConntrackEntry entry_of(const ConntrackAttributes& attributes, std::uint32_t mark_mask) {
  ConntrackEntry entry = attributes.entry;
  // The kernel leaves out a mark of zero.
  const std::uint32_t value = (attributes.mark.value_or(0) & mark_mask) / (mark_mask & (~mark_mask + 1));
  entry.mark = value <= kHighestMark ? static_cast<FlowMark>(value) : FlowMark::undecided;
  return entry;
}

nlmsghdr* put_conntrack_request(char* at, std::uint16_t type, std::uint16_t flags, std::uint8_t family) {
  nlmsghdr* const message = mnl_nlmsg_put_header(at);
  message->nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | type);
  message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  auto* const header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
  header->nfgen_family = family;
  header->version = NFNETLINK_V0;
  return message;
}

void put_original_tuple(nlmsghdr* message, const FiveTuple& tuple) {
  nlattr* const nest = mnl_attr_nest_start(message, CTA_TUPLE_ORIG);
  nlattr* const addresses = mnl_attr_nest_start(message, CTA_TUPLE_IP);
  const bool v4 = tuple.family == Family::ipv4;
  const std::size_t size = v4 ? 4 : 16;
  mnl_attr_put(message, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, size, tuple.source.data());
  mnl_attr_put(message, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, size, tuple.destination.data());
  mnl_attr_nest_end(message, addresses);

  nlattr* const protocol = mnl_attr_nest_start(message, CTA_TUPLE_PROTO);
  mnl_attr_put_u8(message, CTA_PROTO_NUM, static_cast<std::uint8_t>(tuple.protocol));
  if (is_icmp(tuple.protocol)) {
    const bool icmp4 = tuple.protocol == Protocol::icmp;
    mnl_attr_put_u16(message, icmp4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID, htons(tuple.source_port));
    mnl_attr_put_u8(message, icmp4 ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE,
                    static_cast<std::uint8_t>(tuple.destination_port / 256));
    mnl_attr_put_u8(message, icmp4 ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE,
                    static_cast<std::uint8_t>(tuple.destination_port % 256));
  } else {
    // The kernel reads them for the protocols that have them (and GRE, where they are its keys).
    mnl_attr_put_u16(message, CTA_PROTO_SRC_PORT, htons(tuple.source_port));
    mnl_attr_put_u16(message, CTA_PROTO_DST_PORT, htons(tuple.destination_port));
  }
  mnl_attr_nest_end(message, protocol);
  mnl_attr_nest_end(message, nest);
}

void put_mark(nlmsghdr* message, std::uint32_t mark, std::uint32_t mask) {
  mnl_attr_put_u32(message, CTA_MARK, htonl(mark));
  mnl_attr_put_u32(message, CTA_MARK_MASK, htonl(mask));
}

}  // namespace tollgate
