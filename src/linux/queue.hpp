// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "tollgate/base/result.hpp"
#include "tollgate/config/config.hpp"
#include "tollgate/engine/effect.hpp"
#include "tollgate/engine/event.hpp"

namespace tollgate {

struct QueueOptions {
  std::uint16_t first = 4200;  // first .. first + kQueueCount - 1 are bound
  std::uint32_t max_length = 4096;
  std::uint32_t copy_range = 192;  // of queues without queue_bit::whole; those copy 65535
  bool copy_whole = false;         // all queues do
  std::uint32_t socket_buffer = 8 << 20;
  bool fail_open = false;  // NFQA_CFG_F_FAIL_OPEN
  MarkPath mark_path = MarkPath::automatic;
  std::uint32_t mark_mask = 0x0f000000;
};

struct QueueCounters {
  std::uint64_t received = 0;
  std::uint64_t enobufs = 0;         // the socket overran: packets were lost (queue open or closed)
  std::uint64_t undecodable = 0;     // netlink messages that make no sense
  std::uint64_t verdict_errors = 0;  // the kernel refused a verdict (the packet had gone)
  std::uint64_t kernel_dropped = 0;  // /proc/net/netfilter/nfnetlink_queue, queue_dropped
  std::uint64_t user_dropped = 0;    // same, queue_user_dropped
};

// The names of interfaces, as the kernel numbers them. "" when it is gone or was never there. A name stays
// good while a batch of packets is taken.
using InterfaceNames = std::function<std::string_view(std::uint32_t index)>;

// One netfilter_queue socket with all our queues bound to it (linux/netfilter/nfnetlink_queue.h).
// GSO packets come up whole, owners' uid and gid are asked for, conntrack data where the kernel
// has it. Closing it hands waiting packets back to the kernel, which drops them: answer them first.
class PacketQueue {
 public:
  // Fails with what the kernel refused and what to do about it. Needs CAP_NET_ADMIN in the network
  // namespace. Says so when another program holds one of the queues.
  static Result<std::unique_ptr<PacketQueue>, std::string> open(const QueueOptions& options,
                                                                InterfaceNames names);
  virtual ~PacketQueue() = default;

  virtual int fd() const = 0;  // non-blocking, readable when packets wait
  // conntrack when the kernel sets ct marks with the verdict, packet when a rule copies them.
  virtual MarkPath mark_path() const = 0;

  // Receives what is there, at most `budget` messages. True when there may be more. `take` gets the
  // packets in order, a batch a call; their views are good inside the call only.
  using Take = std::function<void(std::span<const PacketQueued>)>;
  virtual bool receive(unsigned budget, const Take& take) = 0;
  // Queues up the answer to one packet; `send` gives them all to the kernel at once. Knows what the
  // packet's own mark was: foreign bits are kept, ours are never left on a packet that passes.
  virtual void answer(const PacketVerdict& verdict) = 0;
  virtual void send() = 0;

  // Whether all packets are copied whole from now on (QueueOptions::copy_whole). Those that wait are as they
  // are.
  virtual void copy_whole(bool whole) = 0;
  // From here on every queue counts as full: packets follow `fail_open`, and what waits is all that
  // there is to answer. Without this a packet could slip in behind the last one and die with the socket.
  virtual void admit_no_more() = 0;

  virtual std::uint64_t enobufs() const = 0;  // cheap: for a look after every receive
  virtual QueueCounters counters() = 0;       // reads /proc
};

// Decodes one netlink message of the queue; nullopt when it is none or makes no sense. Apart from
// the socket so that it can be tested and fuzzed. `names` as above.
struct DecodedPacket {
  PacketQueued packet;
  std::uint32_t mark = 0;  // the packet's own
};
std::optional<DecodedPacket> decode_packet(std::span<const std::uint8_t> message, const QueueOptions& options,
                                           const InterfaceNames& names);

}  // namespace tollgate
