// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/link_layer.hpp"

#include "tollgate/base/reader.hpp"

namespace tollgate {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kMacAddresses = 12;
constexpr int kDltRaw = 12;  // pcap/dlt.h

bool is_ip(std::uint16_t ethertype) { return ethertype == 0x0800 || ethertype == 0x86dd; }

// 802.1Q, 802.1ad, and what was used for the latter before it had a number.
bool is_vlan_tag(std::uint16_t ethertype) {
  return ethertype == 0x8100 || ethertype == 0x88a8 || ethertype == 0x9100;
}

// `ethertype` is that in front of `in`: steps over VLAN tags to the IP packet.
std::optional<Bytes> behind_tags(std::uint16_t ethertype, Reader in) {
  for (unsigned tags = 0; is_vlan_tag(ethertype); ++tags) {
    if (tags == kMaxVlanTags || !in.skip(2) || !in.u16(ethertype)) return {};
  }
  if (!is_ip(ethertype)) return {};
  return in.rest();
}

std::optional<Bytes> ethernet(Reader in) {
  std::uint16_t ethertype = 0;
  if (!in.skip(kMacAddresses) || !in.u16(ethertype)) return {};
  return behind_tags(ethertype, in);
}

// www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html: the protocol is the last field.
std::optional<Bytes> linux_sll(Reader in) {
  std::uint16_t ethertype = 0;
  if (!in.skip(14) || !in.u16(ethertype)) return {};
  return behind_tags(ethertype, in);
}

// www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html: the protocol is the first field.
std::optional<Bytes> linux_sll2(Reader in) {
  std::uint16_t ethertype = 0;
  if (!in.u16(ethertype) || !in.skip(18)) return {};
  return behind_tags(ethertype, in);
}

// AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD and 30 on
// Darwin.
bool is_ip_family(std::uint32_t family) {
  return family == 2 || family == 10 || family == 24 || family == 28 || family == 30;
}

// The order is the capturing host's, which the frame does not tell: the family is a small number.
std::optional<Bytes> null_loopback(Reader in) {
  std::uint32_t family = 0;
  if (!in.u32(family)) return {};
  if ((family & 0xffffff) == 0) family >>= 24;
  if (!is_ip_family(family)) return {};
  return in.rest();
}

std::optional<Bytes> openbsd_loop(Reader in) {
  std::uint32_t family = 0;
  if (!in.u32(family) || !is_ip_family(family)) return {};
  return in.rest();
}

}  // namespace

std::optional<LinkType> link_type(int number) {
  switch (number) {
    case 0:
      return LinkType::null_loopback;
    case 1:
      return LinkType::ethernet;
    case kDltRaw:
    case 101:
      return LinkType::raw;
    case 108:
      return LinkType::openbsd_loop;
    case 113:
      return LinkType::linux_sll;
    case 228:
      return LinkType::ipv4;
    case 229:
      return LinkType::ipv6;
    case 276:
      return LinkType::linux_sll2;
    default:
      return {};
  }
}

std::optional<Bytes> ip_bytes(LinkType type, Bytes frame) {
  const Reader in{frame};
  switch (type) {
    case LinkType::null_loopback:
      return null_loopback(in);
    case LinkType::ethernet:
      return ethernet(in);
    case LinkType::raw:
    case LinkType::ipv4:
    case LinkType::ipv6:
      return frame;
    case LinkType::openbsd_loop:
      return openbsd_loop(in);
    case LinkType::linux_sll:
      return linux_sll(in);
    case LinkType::linux_sll2:
      return linux_sll2(in);
  }
  return {};
}

}  // namespace tollgate
