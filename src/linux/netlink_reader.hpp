// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/netlink.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tollgate/base/reader.hpp"

namespace tollgate {

// A C struct out of the bytes, in host byte order as netlink headers are. No effect when it fails.
template <class Struct>
bool read_struct(Reader& in, Struct& out) {
  std::array<std::uint8_t, sizeof(Struct)> bytes{};
  if (!in.copy(bytes)) return false;
  out = std::bit_cast<Struct>(bytes);
  return true;
}

// Netlink pads to four bytes; the padding of what stands last may be missing.
inline void skip_padding(Reader& in, std::size_t length) {
  const std::size_t padding = (4 - length % 4) % 4;
  if (!in.skip(padding)) in.truncate(0);
}

// Splits a datagram into its messages (linux/netlink.h, struct nlmsghdr).
class NetlinkMessages {
 public:
  explicit NetlinkMessages(std::span<const std::uint8_t> datagram) : in_{datagram} {}
  // False at the end, and at what does not fit. `message` is the whole of it, its header included.
  bool next(nlmsghdr& header, std::span<const std::uint8_t>& message) {
    const std::span<const std::uint8_t> all = in_.rest();
    Reader peek = in_;
    nlmsghdr found{};
    if (!read_struct(peek, found) || found.nlmsg_len < sizeof(nlmsghdr)) return false;
    if (!in_.skip(found.nlmsg_len)) return false;
    header = found;
    message = all.first(found.nlmsg_len);
    skip_padding(in_, found.nlmsg_len);
    return true;
  }

 private:
  Reader in_;
};

// Walks attributes (linux/netlink.h, struct nlattr).
class NetlinkAttributes {
 public:
  explicit NetlinkAttributes(Reader in) : in_{in} {}
  // False at the end, and at the first one that does not fit; complete() tells them apart. The type
  // comes without its flags.
  bool next(std::uint16_t& type, Reader& value) {
    Reader in = in_;
    nlattr header{};
    if (!read_struct(in, header) || header.nla_len < sizeof(nlattr)) return false;
    if (!in.sub(header.nla_len - sizeof(nlattr), value)) return false;
    skip_padding(in, header.nla_len);
    type = static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK);
    in_ = in;
    return true;
  }
  bool complete() const { return in_.empty(); }

 private:
  Reader in_;
};

}  // namespace tollgate
