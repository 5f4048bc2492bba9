// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "linux/conntrack_message.hpp"
#include "linux/netlink_socket.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/engine/effect.hpp"

namespace tollgate {

// What became of marks that were to be set.
struct MarkCounts {
  std::uint64_t done = 0;
  std::uint64_t gone = 0;    // no such entry (any more)
  std::uint64_t failed = 0;  // refused otherwise
  friend bool operator==(const MarkCounts&, const MarkCounts&) = default;
};

// How full conntrack's table is, and what it could not hold since the machine started.
struct ConntrackLoad {
  std::uint32_t entries = 0;
  std::uint32_t limit = 0;              // 0: none, or not said (before Linux 4.18)
  std::uint64_t dropped = 0;            // packets for which there was no room
  std::uint64_t dropped_early = 0;      // entries that had to make room for others
  std::uint64_t insertions_failed = 0;  // entries that lost a race
};

// What ctnetlink is asked and told of single entries (linux/netfilter/nfnetlink_conntrack.h). Nothing
// here waits: the kernel does what is asked before the call that asks returns, and has answered.
class Conntrack {
 public:
  static Result<Conntrack, std::string> open(std::uint32_t mark_mask);

  // Writes our field of the mark, no other bit; makes no entries. 64 of them are one call to the
  // kernel. A tuple is either one of an entry's, or the reverse of one.
  MarkCounts set_marks(std::span<const SetMark> marks);

  enum class Answer : std::uint8_t { found, gone, failed };
  // Asks for these entries, as above; `each` hears of every one once, by its place in `tuples`.
  // `entry` is meaningful when it was found.
  void ask(std::span<const FiveTuple> tuples,
           const std::function<void(std::size_t index, Answer answer, const ConntrackEntry& entry)>& each);

  // nullopt when the kernel does not say.
  std::optional<ConntrackLoad> load();

 private:
  Conntrack(NetlinkSocket socket, std::uint32_t mark_mask);
  using OnMessage = std::function<void(const nlmsghdr& header, std::span<const std::uint8_t> message)>;
  using PutRequest = std::function<nlmsghdr*(std::size_t index, char* at)>;
  using OnAnswer = std::function<void(std::size_t index, int error, std::span<const std::uint8_t> message)>;
  void receive_all(const OnMessage& each);
  // Sends `count` requests, in batches. `answered` hears of each once: the errno, 0 with a message.
  void request_all(std::size_t count, const PutRequest& put, const OnAnswer& answered);

  NetlinkSocket socket_;
  std::uint32_t mark_mask_;
  std::uint32_t sequence_ = 0;
  std::vector<std::uint8_t> in_;
  std::vector<char> out_;
  std::vector<std::size_t> missed_;  // kept for its memory
};

}  // namespace tollgate
