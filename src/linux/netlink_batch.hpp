// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "linux/netlink_socket.hpp"

namespace tollgate {

// Room for several datagrams, filled by one call (recvmmsg(2)): that they were all there is to take is
// then known without asking a second time. Memory is touched as datagrams need it.
class NetlinkBatch {
 public:
  NetlinkBatch(unsigned count, std::size_t datagram_bytes);

  struct Taken {
    unsigned count = 0;                                        // datagrams, at(0) … at(count - 1)
    NetlinkSocket::Read last = NetlinkSocket::Read::datagram;  // why there are no more; datagram: full
  };
  // Takes at most `limit` datagrams that are there. Never waits.
  Taken receive(const NetlinkSocket& socket, unsigned limit);
  // Read::datagram or Read::ignored; good until the next receive.
  NetlinkSocket::Received at(unsigned index) const;

  struct Drained {
    bool more = false;     // the budget was used up: there may be more
    bool overrun = false;  // ENOBUFS: messages were lost
  };
  // Takes datagrams, batch after batch, until none is left or `budget` of them were taken, and calls
  // `each(bytes)` for those that came from the kernel whole. Never waits.
  template <class Each>
  Drained drain(const NetlinkSocket& socket, unsigned budget, Each&& each) {
    Drained drained;
    while (budget > 0) {
      const Taken taken = receive(socket, budget);
      for (unsigned i = 0; i < taken.count; ++i) {
        const NetlinkSocket::Received received = at(i);
        if (received.read == NetlinkSocket::Read::datagram) each(received.bytes);
      }
      budget -= std::min(budget, std::max(taken.count, 1U));
      switch (taken.last) {
        case NetlinkSocket::Read::overrun:
          drained.overrun = true;
          break;
        case NetlinkSocket::Read::datagram:
        case NetlinkSocket::Read::ignored:
          break;
        case NetlinkSocket::Read::empty:
        case NetlinkSocket::Read::failed:
          return drained;
      }
    }
    drained.more = true;
    return drained;
  }

 private:
  std::size_t datagram_bytes_;
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::vector<sockaddr_nl> senders_;
  std::vector<iovec> places_;
  std::vector<mmsghdr> headers_;
};

}  // namespace tollgate
