// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tollgate {

// Who holds a socket, told from /proc/PID/fd, for where no eBPF program has seen it. Programs that had
// sockets lately and programs that began lately are looked at first; all others a slice at a time, so
// that nobody waits for a search but who asked. Sees what it may: other users' processes need
// CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH.
class SocketHolders {
 public:
  // `proc`: "/proc", or where it is mounted.
  explicit SocketHolders(std::string proc = "/proc") : proc_{std::move(proc)} {}

  // A process that began, or became another program: worth a look.
  void began(std::uint32_t pid);
  // Who holds it, among those that are looked at first.
  std::optional<std::uint32_t> find_quickly(std::uint64_t inode);

  // Whether that process, found before, holds it still: then what was read of the process in between is
  // of the holder, and not of one that got its pid.
  bool still_holds(std::uint32_t pid, std::uint64_t inode) const;

  using Ticket = std::uint64_t;
  // All others: `done` of a later turn() names the ticket. At most kMostWaiting wait; false past it.
  bool search(std::uint64_t inode, Ticket ticket);
  // Looks at some kLinksPerTurn descriptors. True while there is more to do.
  using Done = std::function<void(Ticket, std::optional<std::uint32_t> pid)>;
  bool turn(const Done& done);
  bool searching() const { return !waiting_.empty(); }

  struct Counters {
    std::uint64_t quick = 0;     // found without a search
    std::uint64_t searches = 0;  // begun
    std::uint64_t refused = 0;   // past kMostWaiting
  };
  const Counters& counters() const { return counters_; }

  static constexpr std::size_t kMostWaiting = 4096;
  static constexpr unsigned kLinksPerTurn = 1000;  // about a millisecond
  static constexpr std::size_t kRecent = 64;       // of each kind

 private:
  struct Recent {
    std::uint32_t pid = 0;
    unsigned descriptor = 0;  // where its last socket was: the next one is often there again
  };
  struct Waiting {
    Ticket ticket = 0;
    std::uint64_t last_pass = 0;  // not found when this one is over: nobody's
  };
  // Calls each(descriptor, inode) for its sockets until it says stop; how many links were looked at.
  unsigned for_each_socket(std::uint32_t pid, const std::function<bool(unsigned, std::uint64_t)>& each) const;
  std::optional<unsigned> look(std::uint32_t pid, std::uint64_t inode) const;
  bool is_at(const Recent& place, std::uint64_t inode) const;
  void note(std::uint32_t pid, unsigned descriptor);
  void begin_pass();
  void end_pass(const Done& done);

  std::string proc_;
  std::deque<Recent> recent_;        // the last one found comes first
  std::deque<std::uint32_t> began_;  // the last one that began comes first
  std::unordered_multimap<std::uint64_t, Waiting> waiting_;
  std::vector<std::uint32_t> pids_;  // still to be looked at in this pass, the next one last
  std::uint64_t pass_ = 0;           // that runs, or ran last
  bool in_pass_ = false;
  Counters counters_;
};

}  // namespace tollgate
