// SPDX-License-Identifier: GPL-2.0-or-later
#include "queue_setup.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
// libnetfilter_queue's header does not say what it needs.
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "queue_statistics.hpp"
#include "tollgate/ruleset/queue_layout.hpp"

namespace tollgate {

namespace {

// The kernel copies no more than this (nfnetlink_queue.c), whatever it is asked for.
constexpr int kWholePacket = 0xffff;
constexpr std::size_t kDatagramBuffer = kWholePacket + 8192;
constexpr std::uint32_t kFlagsOfOurs =
    NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_CONNTRACK | NFQA_CFG_F_GSO | NFQA_CFG_F_UID_GID;

// Bytes of a packet that this queue copies.
int copied(const QueueOptions& options, int queue) {
  const bool whole = options.copy_whole || ((queue - options.first) & queue_bit::whole) != 0;
  return whole ? kWholePacket : static_cast<int>(options.copy_range);
}

class Setup {
 public:
  Setup(NetlinkSocket& socket, const QueueOptions& options, EarlyDatagrams& early)
      : socket_{socket}, options_{options}, early_{early}, buffer_(kDatagramBuffer) {}

  Result<MarkPath, std::string> run();

 private:
  nlmsghdr* request(std::uint16_t queue);
  int ask(const nlmsghdr* message);

  int bind(std::uint16_t queue, bool conntrack);
  Result<MarkPath, std::string> bind_first();
  std::string bind_refused(std::uint16_t queue, int error) const;

  NetlinkSocket& socket_;
  const QueueOptions& options_;
  EarlyDatagrams& early_;
  std::vector<std::uint8_t> buffer_;
  alignas(8) std::array<char, 256> message_{};
};

nlmsghdr* Setup::request(std::uint16_t queue) {
  nlmsghdr* const message = nfq_nlmsg_put(message_.data(), NFQNL_MSG_CONFIG, queue);
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  return message;
}

// Queues that are ready by then may have packets in front of the answer.
int Setup::ask(const nlmsghdr* message) {
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(message);
  return socket_.ask({bytes, message->nlmsg_len}, buffer_, [this](std::span<const std::uint8_t> packet) {
    early_.emplace_back(packet.begin(), packet.end());
  });
}

// Everything in one message: between its binding and its copy range a queue drops what comes, and when
// the daemon was only restarted the rules are there and packets come. The kernel looks whether it has
// the flags before it does anything (nfqnl_recv_config), so a refusal leaves no half-made queue.
int Setup::bind(std::uint16_t queue, bool conntrack) {
  std::uint32_t flags = NFQA_CFG_F_GSO | NFQA_CFG_F_UID_GID;
  if (options_.fail_open) flags |= NFQA_CFG_F_FAIL_OPEN;
  if (conntrack) flags |= NFQA_CFG_F_CONNTRACK;
  nlmsghdr* const message = request(queue);
  nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
  nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, copied(options_, queue));
  mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(flags));
  mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(kFlagsOfOurs));
  nfq_nlmsg_cfg_put_qmaxlen(message, options_.max_length);
  return ask(message);
}

std::string Setup::bind_refused(std::uint16_t queue, int error) const {
  const std::string bind = "cannot bind queue " + std::to_string(queue) + ": ";
  if (const auto holder = queue_holder(queue)) {
    return bind + "another program is bound to it (netlink port " + std::to_string(*holder) +
           ", as a rule its process id); stop it or set [queue] number";
  }
  if (error == EBUSY) return bind + "another program is bound to it; stop it or set [queue] number";
  if (error == EPERM) return bind + "CAP_NET_ADMIN is needed, or another program is bound to it";
  if (error == EINVAL) return bind + "this kernel has no NFQUEUE (nfnetlink_queue)";
  return bind + error_text(error);
}

// Learns on the way whether the kernel gives conntrack data with the packet and takes it with the
// verdict (CONFIG_NETFILTER_NETLINK_GLUE_CT).
Result<MarkPath, std::string> Setup::bind_first() {
  const std::uint16_t queue = options_.first;
  if (options_.mark_path != MarkPath::packet) {
    int error = bind(queue, true);
    if (error == EAGAIN) error = bind(queue, true);  // the kernel has just loaded the module
    if (error == 0) return MarkPath::conntrack;
    if (error != EOPNOTSUPP) return bind_refused(queue, error);
    if (options_.mark_path == MarkPath::conntrack) {
      return std::string{
          "mark_path = \"conntrack\" asks for conntrack data in queued packets and this kernel gives none "
          "(CONFIG_NETFILTER_NETLINK_GLUE_CT, nf_conntrack_netlink); use \"auto\" or \"packet\""};
    }
  }
  if (const int error = bind(queue, false); error != 0) return bind_refused(queue, error);
  return MarkPath::packet;
}

Result<MarkPath, std::string> Setup::run() {
  const int end = options_.first + kQueueCount;
  if (end > 0x10000) return std::string{"queue numbers end at 65535"};
  const Result<MarkPath, std::string> path = bind_first();
  if (!path) return path;
  for (int queue = options_.first + 1; queue < end; ++queue) {
    const auto number = static_cast<std::uint16_t>(queue);
    const int error = bind(number, *path == MarkPath::conntrack);
    if (error != 0) return bind_refused(number, error);
  }
  return path;
}

}  // namespace

Result<MarkPath, std::string> set_up_queues(NetlinkSocket& socket, const QueueOptions& options,
                                            EarlyDatagrams& early) {
  return Setup{socket, options, early}.run();
}

namespace {

// `put(message, queue)` says what is new, of each of our queues.
template <class Put>
int reconfigure(NetlinkSocket& socket, const QueueOptions& options, const Put& put) {
  alignas(8) std::array<char, 256> buffer{};
  for (int queue = options.first; queue < options.first + kQueueCount; ++queue) {
    nlmsghdr* const message =
        nfq_nlmsg_put(buffer.data(), NFQNL_MSG_CONFIG, static_cast<std::uint32_t>(queue));
    // No acknowledgement: what the socket holds now are packets, to be answered first.
    message->nlmsg_flags = NLM_F_REQUEST;
    put(message, queue);
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(message);
    if (const int error = socket.send({bytes, message->nlmsg_len}); error != 0) return error;
  }
  return 0;
}

}  // namespace

int set_copy_range(NetlinkSocket& socket, const QueueOptions& options) {
  return reconfigure(socket, options, [&](nlmsghdr* message, int queue) {
    nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, copied(options, queue));
  });
}

int close_queues(NetlinkSocket& socket, const QueueOptions& options) {
  return reconfigure(socket, options, [](nlmsghdr* message, int) { nfq_nlmsg_cfg_put_qmaxlen(message, 0); });
}

}  // namespace tollgate
