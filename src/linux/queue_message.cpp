// SPDX-License-Identifier: GPL-2.0-or-later
#include "queue_message.hpp"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include <algorithm>

#include "conntrack_message.hpp"
#include "netlink_reader.hpp"
#include "tollgate/ruleset/queue_layout.hpp"

namespace tollgate {

namespace {

// What the attributes say before it is put together.
struct Fields {
  bool header = false;
  std::uint32_t id = 0;
  std::uint8_t hook = 0;
  std::uint32_t mark = 0, indev = 0, outdev = 0, wire_length = 0;
  std::optional<std::uint32_t> uid, gid;
  std::optional<FiveTuple> conntrack, master;
  std::uint32_t conntrack_id = 0;
  bool established = false;
  std::span<const std::uint8_t> payload;
};

// struct nfqnl_msg_packet_hdr: id, hardware protocol, hook.
bool read_header(Reader in, Fields& fields) {
  fields.header = in.u32(fields.id) && in.skip(2) && in.u8(fields.hook);
  return fields.header;
}

bool read_optional(Reader in, std::optional<std::uint32_t>& out) {
  std::uint32_t number = 0;
  if (!in.u32(number)) return false;
  out = number;
  return true;
}

// Where the packet stands in its connection (enum ip_conntrack_info): one whose entry is not there yet is
// NEW, or RELATED to another's.
bool read_conntrack_info(Reader value, Fields& fields) {
  std::uint32_t info = 0;
  if (!value.u32(info)) return false;
  fields.established = info != IP_CT_NEW && info != IP_CT_RELATED;
  return true;
}

// One attribute; false when it is too short for what it is.
bool read_field(std::uint16_t type, Reader value, Fields& fields) {
  switch (type) {
    case NFQA_PACKET_HDR:
      return read_header(value, fields);
    case NFQA_MARK:
      return value.u32(fields.mark);
    case NFQA_IFINDEX_INDEV:
      return value.u32(fields.indev);
    case NFQA_IFINDEX_OUTDEV:
      return value.u32(fields.outdev);
    case NFQA_CAP_LEN:
      return value.u32(fields.wire_length);
    case NFQA_UID:
      return read_optional(value, fields.uid);
    case NFQA_GID:
      return read_optional(value, fields.gid);
    case NFQA_PAYLOAD:
      fields.payload = value.rest();
      return true;
    case NFQA_CT:
      if (const auto found = decode_conntrack_attributes(value)) {
        fields.conntrack = found->entry.original;
        fields.conntrack_id = found->entry.id;
        fields.master = found->master;
      }
      return true;
    case NFQA_CT_INFO:
      return read_conntrack_info(value, fields);
    default:
      return true;  // the kernel's numbers: hardware address, time, VLAN, security context, …
  }
}

bool read_fields(Reader in, Fields& fields) {
  NetlinkAttributes attributes{in};
  std::uint16_t type = 0;
  Reader value;
  while (attributes.next(type, value)) {
    if (!read_field(type, value, fields)) return false;
  }
  return attributes.complete() && fields.header;
}

// The headers in front of the attributes. False when it is no packet of one of our queues.
bool read_envelope(Reader& in, const QueueOptions& options, std::uint16_t& queue) {
  nlmsghdr header{};
  const std::size_t size = in.remaining();
  std::uint16_t number = 0;
  if (!read_struct(in, header) || header.nlmsg_len != size) return false;
  if (header.nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET)) return false;
  if (!in.skip(2) || !in.u16(number)) return false;  // struct nfgenmsg: family, version, res_id
  if (number < options.first || number - options.first >= kQueueCount) return false;
  queue = number;
  return true;
}

std::optional<Hook> hook_of(std::uint8_t number) {
  if (number > static_cast<std::uint8_t>(Hook::output)) return std::nullopt;
  return static_cast<Hook>(number);
}

bool leaves_by_interface(Hook hook) { return hook == Hook::output || hook == Hook::forward; }

}  // namespace

std::optional<DecodedPacket> decode_packet(std::span<const std::uint8_t> message, const QueueOptions& options,
                                           const InterfaceNames& names) {
  Reader in{message};
  std::uint16_t queue = 0;
  Fields fields;
  if (!read_envelope(in, options, queue) || !read_fields(in, fields)) return std::nullopt;
  const std::optional<Hook> hook = hook_of(fields.hook);
  if (!hook) return std::nullopt;

  DecodedPacket decoded;
  decoded.mark = fields.mark;
  PacketQueued& packet = decoded.packet;
  packet.id = PacketId{queue, fields.id};
  packet.hook = *hook;
  const auto bits = static_cast<std::uint16_t>(queue - options.first);
  packet.reply = (bits & queue_bit::reply) != 0;
  packet.transit = (bits & queue_bit::transit) != 0;
  // With the ct mark set by the verdict itself nothing has to be put on the packet.
  packet.foreign_mark = options.mark_path == MarkPath::packet && (fields.mark & ~options.mark_mask) != 0;
  packet.bytes = fields.payload;
  // Only said of a packet that was cut.
  packet.wire_length = std::max<std::size_t>(fields.wire_length, fields.payload.size());
  if (const std::uint32_t index = leaves_by_interface(*hook) ? fields.outdev : fields.indev; index != 0) {
    packet.interface = names(index);
  }
  packet.arrival = fields.indev;
  if (fields.uid) packet.uid = *fields.uid;
  if (fields.gid) packet.gid = *fields.gid;
  packet.conntrack = fields.conntrack;
  packet.conntrack_id = fields.conntrack_id;
  packet.master = fields.master;
  packet.established = fields.established;
  return decoded;
}

std::optional<PacketId> waiting_packet(std::span<const std::uint8_t> message, const QueueOptions& options) {
  Reader in{message};
  std::uint16_t queue = 0;
  Fields fields;
  if (!read_envelope(in, options, queue)) return std::nullopt;
  read_fields(in, fields);
  if (!fields.header) return std::nullopt;
  return PacketId{queue, fields.id};
}

}  // namespace tollgate
