// SPDX-License-Identifier: GPL-2.0-or-later
#include "queue.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

#include <cerrno>
#include <unordered_map>
#include <utility>
#include <vector>

#include "conntrack_message.hpp"
#include "netlink_batch.hpp"
#include "netlink_reader.hpp"
#include "netlink_socket.hpp"
#include "queue_answer.hpp"
#include "queue_message.hpp"
#include "queue_setup.hpp"
#include "queue_statistics.hpp"
#include "tollgate/ruleset/queue_layout.hpp"

namespace tollgate {

namespace {

// A whole packet (65,531 bytes at most, BIG TCP too) and everything that is said about it.
constexpr std::size_t kReceiveBuffer = 0xffff + 8192;
// Packets that are taken by one call.
constexpr unsigned kBatch = 16;
// One verdict with both marks takes 64 bytes. Past this they are sent, well below what the kernel
// takes in one datagram (SO_SNDBUF).
constexpr std::size_t kSendThreshold = 32 * 1024;
constexpr std::size_t kVerdictRoom = 128;

// What is out of the ordinary about a packet that waits.
struct Oddity {
  std::uint32_t mark = 0;  // its own
  bool untracked = false;  // conntrack has no entry for it
};

// By queue and id, the packets that have any. Bounded by what can wait.
class Oddities {
 public:
  explicit Oddities(std::size_t limit) : limit_{limit} {}
  void remember(PacketId packet, const Oddity& odd) {
    if ((odd.mark != 0 || odd.untracked) && odd_.size() < limit_) odd_[key(packet)] = odd;
  }
  Oddity take(PacketId packet) {
    if (odd_.empty()) return {};
    const auto found = odd_.find(key(packet));
    if (found == odd_.end()) return {};
    const Oddity odd = found->second;
    odd_.erase(found);
    return odd;
  }

 private:
  static std::uint64_t key(PacketId packet) { return std::uint64_t{packet.queue} << 32 | packet.id; }
  std::unordered_map<std::uint64_t, Oddity> odd_;
  std::size_t limit_;
};

class NetfilterQueue final : public PacketQueue {
 public:
  NetfilterQueue(NetlinkSocket socket, const QueueOptions& options, InterfaceNames names,
                 EarlyDatagrams early)
      : socket_{std::move(socket)},
        options_{options},
        names_{std::move(names)},
        early_{std::move(early)},
        statistics_{open_queue_statistics()},
        odd_{std::size_t{options.max_length} * kQueueCount},
        in_{kBatch, kReceiveBuffer},
        out_(kSendThreshold + kVerdictRoom) {}

  int fd() const override { return socket_.fd(); }
  MarkPath mark_path() const override { return options_.mark_path; }
  bool receive(unsigned budget, const Take& take) override;
  void answer(const PacketVerdict& verdict) override;
  void send() override;
  void copy_whole(bool whole) override;
  void admit_no_more() override;
  std::uint64_t enobufs() const override { return counters_.enobufs; }
  QueueCounters counters() override;

 private:
  void on_datagram(std::span<const std::uint8_t> datagram);
  void on_packet(std::span<const std::uint8_t> message);
  void on_early(const Take& take);
  void hand_over(const Take& take);

  NetlinkSocket socket_;
  QueueOptions options_;  // mark_path is conntrack or packet; copy_whole as it is now
  InterfaceNames names_;
  EarlyDatagrams early_;
  FileDescriptor statistics_;
  Oddities odd_;
  NetlinkBatch in_;
  std::vector<PacketQueued> packets_;  // of this batch
  std::vector<char> out_;
  std::size_t out_size_ = 0;
  std::uint64_t out_count_ = 0;
  QueueCounters counters_;
};

void NetfilterQueue::on_packet(std::span<const std::uint8_t> message) {
  if (const std::optional<DecodedPacket> decoded = decode_packet(message, options_, names_)) {
    ++counters_.received;
    // With conntrack's data in its messages the kernel sends some for every packet that has an entry.
    const bool untracked = options_.mark_path == MarkPath::conntrack && !decoded->packet.conntrack;
    odd_.remember(decoded->packet.id, {decoded->mark, untracked});
    packets_.push_back(decoded->packet);
    return;
  }
  ++counters_.undecodable;
  if (const std::optional<PacketId> packet = waiting_packet(message, options_)) {
    answer(PacketVerdict{*packet, PacketVerdict::Action::drop, FlowMark::undecided});
  }
}

void NetfilterQueue::on_datagram(std::span<const std::uint8_t> datagram) {
  NetlinkMessages messages{datagram};
  nlmsghdr header{};
  std::span<const std::uint8_t> message;
  while (messages.next(header, message)) {
    switch (header.nlmsg_type) {
      case NLMSG_NOOP:
        break;
      case NLMSG_ERROR:
        // Nothing but verdicts is sent after the set-up, and they ask for no acknowledgement.
        if (netlink_error(message) != 0) ++counters_.verdict_errors;
        break;
      default:
        on_packet(message);
        break;
    }
  }
}

void NetfilterQueue::hand_over(const Take& take) {
  if (!packets_.empty()) take(packets_);
  packets_.clear();
}

void NetfilterQueue::on_early(const Take& take) {
  const EarlyDatagrams early = std::exchange(early_, {});
  for (const std::vector<std::uint8_t>& datagram : early) on_datagram(datagram);
  hand_over(take);
}

bool NetfilterQueue::receive(unsigned budget, const Take& take) {
  if (!early_.empty()) on_early(take);
  while (budget > 0) {
    const NetlinkBatch::Taken taken = in_.receive(socket_, budget);
    for (unsigned i = 0; i < taken.count; ++i) {
      const NetlinkSocket::Received received = in_.at(i);
      if (received.read == NetlinkSocket::Read::datagram) {
        on_datagram(received.bytes);
      } else {
        ++counters_.undecodable;
      }
    }
    hand_over(take);
    budget -= taken.count;
    switch (taken.last) {
      case NetlinkSocket::Read::datagram:
        break;
      case NetlinkSocket::Read::overrun:
        ++counters_.enobufs;
        --budget;
        break;
      case NetlinkSocket::Read::ignored:
      case NetlinkSocket::Read::empty:
      case NetlinkSocket::Read::failed:
        return false;
    }
  }
  return true;
}

void NetfilterQueue::answer(const PacketVerdict& verdict) {
  const Oddity odd = odd_.take(verdict.packet);
  const QueueAnswer answer = queue_answer(odd.untracked ? without_entry(verdict) : verdict,
                                          options_.mark_path, options_.mark_mask, odd.mark);
  nlmsghdr* const message = nfq_nlmsg_put(out_.data() + out_size_, NFQNL_MSG_VERDICT, verdict.packet.queue);
  nfq_nlmsg_verdict_put(message, static_cast<int>(verdict.packet.id), answer.accept ? NF_ACCEPT : NF_DROP);
  if (answer.packet_mark) nfq_nlmsg_verdict_put_mark(message, *answer.packet_mark);
  if (answer.ct_mark) {
    nlattr* const nest = mnl_attr_nest_start(message, NFQA_CT);
    put_mark(message, *answer.ct_mark, options_.mark_mask);
    mnl_attr_nest_end(message, nest);
  }
  out_size_ += message->nlmsg_len;  // libmnl pads every attribute: the next one is aligned
  ++out_count_;
  if (out_size_ >= kSendThreshold) send();
}

// The kernel handles one message after another; one that it refuses does not stop the rest.
void NetfilterQueue::send() {
  if (out_size_ == 0) return;
  const std::span<const char> bytes{out_.data(), out_size_};
  int error = socket_.send({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  // Memory may be short for a moment; a second refusal is final, as nobody could wait here.
  if (error == ENOBUFS || error == ENOMEM || error == EAGAIN) {
    error = socket_.send({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  }
  if (error != 0) counters_.verdict_errors += out_count_;
  out_size_ = 0;
  out_count_ = 0;
}

void NetfilterQueue::copy_whole(bool whole) {
  if (std::exchange(options_.copy_whole, whole) == whole) return;
  if (set_copy_range(socket_, options_) != 0) ++counters_.verdict_errors;
}

void NetfilterQueue::admit_no_more() {
  if (close_queues(socket_, options_) != 0) ++counters_.verdict_errors;
}

QueueCounters NetfilterQueue::counters() {
  QueueCounters counters = counters_;
  const QueueStatistics sum = sum_queue_statistics(statistics_, options_.first, kQueueCount);
  counters.kernel_dropped = sum.kernel_dropped;
  counters.user_dropped = sum.user_dropped;
  return counters;
}

}  // namespace

Result<std::unique_ptr<PacketQueue>, std::string> PacketQueue::open(const QueueOptions& options,
                                                                    InterfaceNames names) {
  Result<NetlinkSocket, std::string> socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) return socket.error();
  socket->set_receive_buffer(options.socket_buffer);
  EarlyDatagrams early;
  const Result<MarkPath, std::string> path = set_up_queues(*socket, options, early);
  if (!path) return path.error();
  QueueOptions settled = options;
  settled.mark_path = *path;
  std::unique_ptr<PacketQueue> queue =
      std::make_unique<NetfilterQueue>(std::move(*socket), settled, std::move(names), std::move(early));
  return queue;
}

}  // namespace tollgate
