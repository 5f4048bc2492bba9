// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "linux/conntrack_message.hpp"

namespace tollgate::test {

// Writes a message as the kernel's nfnetlink_queue does, attribute by attribute.
class QueueMessage {
 public:
  explicit QueueMessage(std::uint16_t queue, std::uint16_t type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET) {
    header_ = mnl_nlmsg_put_header(bytes_.data());
    header_->nlmsg_type = type;
    auto* const family = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header_, sizeof(nfgenmsg)));
    family->nfgen_family = AF_INET;
    family->res_id = htons(queue);
  }
  QueueMessage(const QueueMessage&) = delete;
  QueueMessage& operator=(const QueueMessage&) = delete;

  QueueMessage& packet(std::uint32_t id, std::uint8_t hook) {
    const nfqnl_msg_packet_hdr packet{htonl(id), htons(0x0800), hook};
    mnl_attr_put(header_, NFQA_PACKET_HDR, sizeof packet, &packet);
    return *this;
  }
  QueueMessage& number(std::uint16_t attribute, std::uint32_t value) {
    mnl_attr_put_u32(header_, attribute, htonl(value));
    return *this;
  }
  QueueMessage& raw(std::uint16_t attribute, std::string_view bytes) {
    mnl_attr_put(header_, attribute, bytes.size(), bytes.data());
    return *this;
  }
  QueueMessage& conntrack(const FiveTuple& original, const std::optional<FiveTuple>& master = std::nullopt) {
    nlattr* const nest = mnl_attr_nest_start(header_, NFQA_CT);
    put_original_tuple(header_, original);
    if (master) {
      auto* const begin = static_cast<nlattr*>(mnl_nlmsg_get_payload_tail(header_));
      put_original_tuple(header_, *master);
      begin->nla_type = CTA_TUPLE_MASTER | NLA_F_NESTED;
    }
    put_mark(header_, 0x01000100, 0xffffffff);
    mnl_attr_nest_end(header_, nest);
    return *this;
  }

  nlmsghdr* header() { return header_; }
  std::span<const std::uint8_t> bytes() const {
    return {reinterpret_cast<const std::uint8_t*>(bytes_.data()), header_->nlmsg_len};
  }

 private:
  alignas(8) std::array<char, 2048> bytes_{};
  nlmsghdr* header_;
};

}  // namespace tollgate::test
