// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack.hpp"

#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "conntrack_message.hpp"
#include "netlink_reader.hpp"
#include "netlink_socket.hpp"
#include "queue_answer.hpp"

namespace tollgate {

namespace {

constexpr std::size_t kReceiveBuffer = 16 * 1024;  // one event takes some 300 bytes
constexpr std::uint32_t kEventBuffer = 8 << 20;
// Every mark of a batch is acknowledged before the next batch, so its replies fit the socket buffer.
constexpr unsigned kMarksPerBatch = 64;
constexpr std::uint32_t kReplyBuffer = 1 << 20;
constexpr std::size_t kMarkRoom = 256;  // one message: at most 148 bytes

nlmsghdr* put_request(char* at, std::uint16_t type, std::uint16_t flags, std::uint8_t family) {
  nlmsghdr* const message = mnl_nlmsg_put_header(at);
  message->nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | type);
  message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  auto* const header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
  header->nfgen_family = family;
  header->version = NFNETLINK_V0;
  return message;
}

// Our field of the mark. What is none of our values is as good as undecided.
ConntrackEntry with_mark(const ConntrackAttributes& attributes, std::uint32_t mask) {
  ConntrackEntry entry = attributes.entry;
  if (!attributes.mark) return entry;
  const std::uint32_t value = (*attributes.mark & mask) / (mask & (~mask + 1));
  entry.mark = value <= 0xf ? static_cast<FlowMark>(value) : FlowMark::undecided;
  return entry;
}

// A socket filter that leaves out flows from 127.0.0.0/8 and ::1. On a machine whose services talk
// over loopback most flows that end are such flows, and none of them is ours.
bool leave_out_loopback(int fd) {
  nfct_filter* const filter = nfct_filter_create();
  if (filter == nullptr) return false;
  const nfct_filter_ipv4 v4{0x7f000000, 0xff000000};  // host byte order
  nfct_filter_set_logic(filter, NFCT_FILTER_SRC_IPV4, NFCT_FILTER_LOGIC_NEGATIVE);
  nfct_filter_add_attr(filter, NFCT_FILTER_SRC_IPV4, &v4);
  const nfct_filter_ipv6 v6{{0, 0, 0, 1}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}};
  nfct_filter_set_logic(filter, NFCT_FILTER_SRC_IPV6, NFCT_FILTER_LOGIC_NEGATIVE);
  nfct_filter_add_attr(filter, NFCT_FILTER_SRC_IPV6, &v6);
  const bool attached = nfct_filter_attach(fd, filter) == 0;
  nfct_filter_destroy(filter);
  return attached;
}

class ConntrackSockets final : public Conntrack {
 public:
  ConntrackSockets(NetlinkSocket events, NetlinkSocket marks, std::uint32_t mark_mask)
      : events_{std::move(events)},
        marks_{std::move(marks)},
        mark_mask_{mark_mask},
        in_(kReceiveBuffer),
        out_(kMarksPerBatch * kMarkRoom) {}

  std::optional<std::string> start(LoopbackHandling loopback);
  int event_fd() const override { return events_.fd(); }
  bool receive_events(unsigned budget, const std::function<void(const ConntrackChanged&)>& each) override;
  void set_marks(std::span<const SetMark> marks) override;
  Result<std::uint64_t, std::string> dump(const ConntrackVisitor& each) override;
  ConntrackCounters counters() const override { return counters_; }

 private:
  void on_events(std::span<const std::uint8_t> datagram,
                 const std::function<void(const ConntrackChanged&)>& each);
  void set_batch(std::span<const SetMark> marks);
  void count_replies();
  void count_reply(std::span<const std::uint8_t> datagram);

  NetlinkSocket events_;
  NetlinkSocket marks_;
  std::uint32_t mark_mask_;
  std::vector<std::uint8_t> in_;
  std::vector<char> out_;
  ConntrackCounters counters_;
};

std::optional<std::string> ConntrackSockets::start(LoopbackHandling loopback) {
  events_.set_receive_buffer(kEventBuffer);
  marks_.set_receive_buffer(kReplyBuffer);
  // A kernel that refuses the filter sends more than is needed, no less.
  if (loopback == LoopbackHandling::exempt) leave_out_loopback(events_.fd());
  if (!events_.join(NFNLGRP_CONNTRACK_DESTROY)) {
    return "cannot listen to conntrack events: " + error_text(errno);
  }
  return std::nullopt;
}

void ConntrackSockets::on_events(std::span<const std::uint8_t> datagram,
                                 const std::function<void(const ConntrackChanged&)>& each) {
  NetlinkMessages messages{datagram};
  nlmsghdr header{};
  std::span<const std::uint8_t> message;
  while (messages.next(header, message)) {
    const std::optional<ConntrackMessage> decoded = decode_conntrack(message);
    if (!decoded) continue;
    ++counters_.events;
    each(ConntrackChanged{decoded->kind, with_mark(decoded->attributes, mark_mask_)});
  }
}

bool ConntrackSockets::receive_events(unsigned budget,
                                      const std::function<void(const ConntrackChanged&)>& each) {
  for (; budget > 0; --budget) {
    const NetlinkSocket::Received received = events_.receive(in_);
    switch (received.read) {
      case NetlinkSocket::Read::datagram:
        on_events(received.bytes, each);
        break;
      case NetlinkSocket::Read::overrun:
        ++counters_.overruns;
        break;
      case NetlinkSocket::Read::ignored:
        break;
      case NetlinkSocket::Read::empty:
      case NetlinkSocket::Read::failed:
        return false;
    }
  }
  return true;
}

void ConntrackSockets::set_marks(std::span<const SetMark> marks) {
  while (!marks.empty()) {
    const std::size_t count = std::min<std::size_t>(marks.size(), kMarksPerBatch);
    set_batch(marks.first(count));
    marks = marks.subspan(count);
  }
}

void ConntrackSockets::set_batch(std::span<const SetMark> marks) {
  std::size_t size = 0;
  for (const SetMark& mark : marks) {
    const std::uint8_t family = mark.tuple.family == Family::ipv4 ? AF_INET : AF_INET6;
    // Without NLM_F_CREATE: an entry that is gone stays gone.
    nlmsghdr* const message = put_request(out_.data() + size, IPCTNL_MSG_CT_NEW, NLM_F_ACK, family);
    put_original_tuple(message, mark.tuple);
    put_mark(message, mark_bits(mark.mark, mark_mask_), mark_mask_);
    size += message->nlmsg_len;
  }
  if (marks_.send({reinterpret_cast<const std::uint8_t*>(out_.data()), size}) != 0) {
    counters_.mark_errors += marks.size();
    return;
  }
  count_replies();
}

// They are all there: the kernel handles the batch before it returns from the call that sends it.
void ConntrackSockets::count_replies() {
  for (;;) {
    const NetlinkSocket::Received received = marks_.receive(in_);
    switch (received.read) {
      case NetlinkSocket::Read::datagram:
        count_reply(received.bytes);
        break;
      case NetlinkSocket::Read::overrun:
        ++counters_.mark_errors;
        break;
      case NetlinkSocket::Read::ignored:
        break;
      case NetlinkSocket::Read::empty:
      case NetlinkSocket::Read::failed:
        return;
    }
  }
}

void ConntrackSockets::count_reply(std::span<const std::uint8_t> datagram) {
  NetlinkMessages messages{datagram};
  nlmsghdr header{};
  std::span<const std::uint8_t> message;
  while (messages.next(header, message)) {
    if (header.nlmsg_type != NLMSG_ERROR) continue;
    const int error = netlink_error(message);
    if (error == 0) {
      ++counters_.marks_set;
    } else if (error == ENOENT) {
      ++counters_.mark_misses;
    } else {
      ++counters_.mark_errors;
    }
  }
}

Result<std::uint64_t, std::string> ConntrackSockets::dump(const ConntrackVisitor& each) {
  alignas(8) std::array<char, 64> bytes{};
  const nlmsghdr* const request = put_request(bytes.data(), IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
  // On a socket of its own: a dump that was given up leaves nothing behind for others to read.
  Result<NetlinkSocket, std::string> socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) return socket.error();
  std::uint64_t count = 0;
  const int error = socket->dump({reinterpret_cast<const std::uint8_t*>(request), request->nlmsg_len},
                                 [&](const nlmsghdr&, std::span<const std::uint8_t> message) {
                                   const std::optional<ConntrackMessage> decoded = decode_conntrack(message);
                                   if (!decoded) return;
                                   ++count;
                                   ConntrackEntry entry = with_mark(decoded->attributes, mark_mask_);
                                   // What a dump leaves out is zero.
                                   if (!entry.mark) entry.mark = FlowMark::undecided;
                                   each(entry, decoded->attributes.mark.value_or(0));
                                 });
  if (error != 0) return "reading the conntrack table: " + error_text(error);
  return count;
}

}  // namespace

Result<std::unique_ptr<Conntrack>, std::string> Conntrack::open(std::uint32_t mark_mask,
                                                                LoopbackHandling loopback) {
  Result<NetlinkSocket, std::string> events = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!events) return events.error();
  Result<NetlinkSocket, std::string> marks = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!marks) return marks.error();
  auto conntrack = std::make_unique<ConntrackSockets>(std::move(*events), std::move(*marks), mark_mask);
  if (std::optional<std::string> error = conntrack->start(loopback)) return *error;
  return std::unique_ptr<Conntrack>{std::move(conntrack)};
}

}  // namespace tollgate
