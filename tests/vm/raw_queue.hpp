// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

struct mnl_socket;
struct nlmsghdr;

namespace tollgate::vm {

// One message of the kernel's queue, as it came (linux/netfilter/nfnetlink_queue.h).
struct RawPacket {
  std::uint32_t id = 0;
  std::uint8_t hook = 0;
  std::uint32_t mark = 0;             // of the packet
  std::uint16_t conntrack_bytes = 0;  // of NFQA_CT; 0: none
  std::optional<std::uint32_t> conntrack_mark;
  std::optional<std::uint32_t> conntrack_info;
  std::optional<std::uint32_t> uid;
};

// NF_DROP and NF_ACCEPT, NF_INET_LOCAL_OUT (linux/netfilter.h, which cannot stand beside
// netinet/in.h), IP_CT_NEW (linux/netfilter/nf_conntrack_common.h).
enum class Fate : std::uint8_t { drop = 0, accept = 1 };
inline constexpr std::uint8_t kHookOutput = 3;
inline constexpr std::uint32_t kConntrackNew = 2;

// What to say to a packet beside its fate.
struct RawMarks {
  std::optional<std::uint32_t> packet;
  std::optional<std::uint32_t> conntrack;       // CTA_MARK
  std::optional<std::uint32_t> conntrack_mask;  // CTA_MARK_MASK
};

// A queue without anything of tollgate in between: what the kernel does is what is to be seen.
// Throws when the kernel refuses.
class RawQueue {
 public:
  explicit RawQueue(std::uint16_t number, std::uint32_t flags);
  ~RawQueue();
  RawQueue(const RawQueue&) = delete;
  RawQueue& operator=(const RawQueue&) = delete;

  // Waits for the next packet; throws when none comes.
  RawPacket next();
  void answer(const RawPacket& packet, Fate fate, const RawMarks& marks = {});
  // Waits for the kernel's refusal of the last answer and returns its errno; throws when none comes.
  int refusal();

 private:
  struct Close {
    void operator()(mnl_socket* socket) const;
  };
  void request(nlmsghdr* message);  // and the kernel's answer

  std::uint16_t number_;
  std::unique_ptr<mnl_socket, Close> socket_;
};

}  // namespace tollgate::vm
