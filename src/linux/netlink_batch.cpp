// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/netlink_batch.hpp"

#include <algorithm>
#include <cerrno>

namespace tollgate {

NetlinkBatch::NetlinkBatch(unsigned count, std::size_t datagram_bytes)
    : datagram_bytes_{datagram_bytes},
      bytes_{std::make_unique_for_overwrite<std::uint8_t[]>(count * datagram_bytes)},
      senders_(count),
      places_(count),
      headers_(count) {
  for (unsigned i = 0; i < count; ++i) {
    places_[i] = {bytes_.get() + i * datagram_bytes, datagram_bytes};
    msghdr& header = headers_[i].msg_hdr;
    header.msg_name = &senders_[i];
    header.msg_iov = &places_[i];
    header.msg_iovlen = 1;
  }
}

NetlinkBatch::Taken NetlinkBatch::receive(const NetlinkSocket& socket, unsigned limit) {
  const auto wanted = std::min(limit, static_cast<unsigned>(headers_.size()));
  for (unsigned i = 0; i < wanted; ++i) headers_[i].msg_hdr.msg_namelen = sizeof(sockaddr_nl);
  int count = 0;
  do {
    count = ::recvmmsg(socket.fd(), headers_.data(), wanted, MSG_DONTWAIT | MSG_TRUNC, nullptr);
  } while (count < 0 && errno == EINTR);
  if (count >= 0) {
    const auto taken = static_cast<unsigned>(count);
    return {taken, taken == wanted ? NetlinkSocket::Read::datagram : NetlinkSocket::Read::empty};
  }
  if (errno == EAGAIN) return {0, NetlinkSocket::Read::empty};
  return {0, errno == ENOBUFS ? NetlinkSocket::Read::overrun : NetlinkSocket::Read::failed};
}

NetlinkSocket::Received NetlinkBatch::at(unsigned index) const {
  const std::size_t length = headers_[index].msg_len;
  if (senders_[index].nl_pid != 0 || length > datagram_bytes_) return {NetlinkSocket::Read::ignored, {}};
  return {NetlinkSocket::Read::datagram, {bytes_.get() + index * datagram_bytes_, length}};
}

}  // namespace tollgate
