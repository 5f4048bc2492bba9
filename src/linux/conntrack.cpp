// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack.hpp"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "netlink_reader.hpp"
#include "queue_answer.hpp"

namespace tollgate {

namespace {

// The answers to a batch are read before the next batch is sent, so they fit the socket's buffer.
constexpr unsigned kBatch = 64;
constexpr std::uint32_t kReplyBuffer = 1 << 20;
constexpr std::size_t kRequestRoom = 256;          // one request: at most 148 bytes
constexpr std::size_t kReceiveBuffer = 64 * 1024;  // a part of a dump: 32 KiB at the most

std::uint8_t family_of(const FiveTuple& tuple) { return tuple.family == Family::ipv4 ? AF_INET : AF_INET6; }

std::span<const std::uint8_t> bytes_of(const char* data, std::size_t size) {
  return {reinterpret_cast<const std::uint8_t*>(data), size};
}

// A number of CTA_STATS_*, big-endian as all of ctnetlink.
void add_number(Reader value, std::uint64_t& sum) {
  std::uint32_t number = 0;
  if (value.u32(number)) sum += number;
}

void add_processor(Reader in, ConntrackLoad& load) {
  NetlinkAttributes attributes{in};
  std::uint16_t type = 0;
  Reader value;
  while (attributes.next(type, value)) {
    if (type == CTA_STATS_DROP) add_number(value, load.dropped);
    if (type == CTA_STATS_EARLY_DROP) add_number(value, load.dropped_early);
    if (type == CTA_STATS_INSERT_FAILED) add_number(value, load.insertions_failed);
  }
}

bool read_totals(Reader in, ConntrackLoad& load) {
  NetlinkAttributes attributes{in};
  std::uint16_t type = 0;
  Reader value;
  bool known = false;
  while (attributes.next(type, value)) {
    if (type == CTA_STATS_GLOBAL_ENTRIES) known = value.u32(load.entries);
    if (type == CTA_STATS_GLOBAL_MAX_ENTRIES) value.u32(load.limit);
  }
  return known;
}

// The attributes of a message of ctnetlink, past both of its headers.
Reader attributes_of(std::span<const std::uint8_t> message) {
  Reader in{message};
  if (!in.skip(sizeof(nlmsghdr) + sizeof(nfgenmsg))) in.truncate(0);
  return in;
}

}  // namespace

Conntrack::Conntrack(NetlinkSocket socket, std::uint32_t mark_mask)
    : socket_{std::move(socket)}, mark_mask_{mark_mask}, in_(kReceiveBuffer), out_(kBatch * kRequestRoom) {
  socket_.set_receive_buffer(kReplyBuffer);
}

Result<Conntrack, std::string> Conntrack::open(std::uint32_t mark_mask) {
  Result<NetlinkSocket, std::string> socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) return socket.error();
  return Conntrack{std::move(*socket), mark_mask};
}

// They are all there: the kernel handles a batch before it returns from the call that sends it.
void Conntrack::receive_all(const OnMessage& each) {
  for (;;) {
    const NetlinkSocket::Received received = socket_.receive(in_);
    switch (received.read) {
      case NetlinkSocket::Read::datagram: {
        NetlinkMessages messages{received.bytes};
        nlmsghdr header{};
        std::span<const std::uint8_t> message;
        while (messages.next(header, message)) each(header, message);
        break;
      }
      case NetlinkSocket::Read::overrun:
      case NetlinkSocket::Read::ignored:
        break;  // whose answer is missing has failed
      case NetlinkSocket::Read::empty:
      case NetlinkSocket::Read::failed:
        return;
    }
  }
}

void Conntrack::request_all(std::size_t count, const PutRequest& put, const OnAnswer& answered) {
  for (std::size_t begin = 0; begin < count; begin += kBatch) {
    const std::size_t end = std::min(count, begin + kBatch);
    const std::uint32_t first = sequence_ + 1;
    std::size_t size = 0;
    for (std::size_t index = begin; index < end; ++index) {
      nlmsghdr* const message = put(index, out_.data() + size);
      message->nlmsg_seq = ++sequence_;
      size += message->nlmsg_len;
    }
    std::array<bool, kBatch> known{};
    if (socket_.send(bytes_of(out_.data(), size)) == 0) {
      receive_all([&](const nlmsghdr& header, std::span<const std::uint8_t> message) {
        const std::uint32_t place = header.nlmsg_seq - first;
        if (place >= end - begin || known[place]) return;
        known[place] = true;
        const int error = header.nlmsg_type == NLMSG_ERROR ? netlink_error(message) : 0;
        answered(begin + place, error, message);
      });
    }
    for (std::size_t index = begin; index < end; ++index) {
      if (!known[index - begin]) answered(index, EIO, {});
    }
  }
}

MarkCounts Conntrack::set_marks(std::span<const SetMark> marks) {
  MarkCounts counts;
  missed_.clear();
  const auto put = [&](std::size_t index, const FiveTuple& tuple, char* at) {
    // Without NLM_F_CREATE: an entry that is gone stays gone.
    nlmsghdr* const message = put_conntrack_request(at, IPCTNL_MSG_CT_NEW, NLM_F_ACK, family_of(tuple));
    put_original_tuple(message, tuple);
    put_mark(message, mark_bits(marks[index].mark, mark_mask_), mark_mask_);
    return message;
  };
  const auto count = [&](int error) {
    ++(error == 0 ? counts.done : error == ENOENT ? counts.gone : counts.failed);
  };
  request_all(
      marks.size(), [&](std::size_t index, char* at) { return put(index, marks[index].tuple, at); },
      [&](std::size_t index, int error, std::span<const std::uint8_t>) {
        if (error == ENOENT) return missed_.push_back(index);
        count(error);
      });
  request_all(
      missed_.size(),
      [&](std::size_t i, char* at) { return put(missed_[i], marks[missed_[i]].tuple.reversed(), at); },
      [&](std::size_t, int error, std::span<const std::uint8_t>) { count(error); });
  return counts;
}

void Conntrack::ask(
    std::span<const FiveTuple> tuples,
    const std::function<void(std::size_t index, Answer answer, const ConntrackEntry& entry)>& each) {
  missed_.clear();
  const auto put = [](const FiveTuple& tuple, char* at) {
    nlmsghdr* const message = put_conntrack_request(at, IPCTNL_MSG_CT_GET, 0, family_of(tuple));
    put_original_tuple(message, tuple);
    return message;
  };
  const auto answer = [&](std::size_t index, int error, std::span<const std::uint8_t> message) {
    if (error == ENOENT) return each(index, Answer::gone, {});
    const auto decoded = error == 0 ? decode_conntrack(message) : std::nullopt;
    if (decoded) return each(index, Answer::found, entry_of(decoded->attributes, mark_mask_));
    each(index, Answer::failed, {});
  };
  request_all(
      tuples.size(), [&](std::size_t index, char* at) { return put(tuples[index], at); },
      [&](std::size_t index, int error, std::span<const std::uint8_t> message) {
        if (error == ENOENT) return missed_.push_back(index);
        answer(index, error, message);
      });
  request_all(
      missed_.size(), [&](std::size_t i, char* at) { return put(tuples[missed_[i]].reversed(), at); },
      [&](std::size_t i, int error, std::span<const std::uint8_t> message) {
        answer(missed_[i], error, message);
      });
}

std::optional<ConntrackLoad> Conntrack::load() {
  ConntrackLoad load;
  bool known = false;
  for (const auto& [type, flags] :
       {std::pair<std::uint16_t, std::uint16_t>{IPCTNL_MSG_CT_GET_STATS, 0},
        std::pair<std::uint16_t, std::uint16_t>{IPCTNL_MSG_CT_GET_STATS_CPU, NLM_F_DUMP}}) {
    const nlmsghdr* const request = put_conntrack_request(out_.data(), type, flags, AF_UNSPEC);
    if (socket_.send(bytes_of(out_.data(), request->nlmsg_len)) != 0) return std::nullopt;
    receive_all([&](const nlmsghdr& header, std::span<const std::uint8_t> message) {
      if (header.nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS)) {
        known = read_totals(attributes_of(message), load);
      }
      if (header.nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS_CPU)) {
        add_processor(attributes_of(message), load);
      }
    });
  }
  if (!known) return std::nullopt;
  return load;
}

}  // namespace tollgate
