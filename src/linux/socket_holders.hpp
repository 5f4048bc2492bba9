// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <dirent.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "linux/netlink_socket.hpp"

namespace tollgate {

// Who holds a socket, told from /proc/PID/fd, for where no eBPF program has seen it. Programs that had
// sockets lately and programs that began lately are looked at first; all others a slice at a time, so
// that nobody waits for a search but who asked. Sees what it may: other users' processes need
// CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH. Whatever was seen before is looked at again before it counts.
class SocketHolders {
 public:
  // `proc`: "/proc", or where it is mounted.
  explicit SocketHolders(std::string proc = "/proc") : proc_{std::move(proc)} {}

  // A process that began, or became another program: worth a look.
  void began(std::uint32_t pid);
  void ended(std::uint32_t pid);
  // Who holds it, among those that are looked at first: at most kQuickLinks descriptors.
  std::optional<std::uint32_t> find_quickly(std::uint64_t inode);

  // Whether that process, found before, holds it still: then what was read of the process in between is
  // of the holder, and not of one that got its pid.
  bool still_holds(std::uint32_t pid, std::uint64_t inode) const;

  using Ticket = std::uint64_t;
  // All others: `done` of a later turn() names the ticket. At most kMostWaiting wait; false past it.
  bool search(std::uint64_t inode, Ticket ticket);
  // Goes once past all processes in the turns that follow and notes the sockets they hold.
  void look_around() { looks_around_ = true; }
  // Looks at some kLinksPerTurn descriptors. What is left to do then: nothing, what nobody waits for, what
  // somebody does.
  enum class Left : std::uint8_t { nothing, unhurried, urgent };
  using Done = std::function<void(Ticket, std::optional<std::uint32_t> pid)>;
  Left turn(const Done& done);

  struct Counters {
    std::uint64_t quick = 0;     // found without a search
    std::uint64_t searches = 0;  // begun
    std::uint64_t refused = 0;   // past kMostWaiting
  };
  const Counters& counters() const { return counters_; }

  static constexpr std::size_t kMostWaiting = 4096;
  static constexpr unsigned kLinksPerTurn = 100;  // about a millisecond: 10 us for one never looked at
  static constexpr unsigned kQuickLinks = 128;
  static constexpr std::size_t kRecent = 64;             // of each kind
  static constexpr std::size_t kRecentDescriptors = 16;  // of each process
  static constexpr std::size_t kMostNoted = 65'536;      // sockets; past it no more are noted

 private:
  struct Recent {
    std::uint32_t pid = 0;
    FileDescriptor folder;              // its descriptors, never those of one that gets its pid
    std::vector<unsigned> descriptors;  // where its last sockets were: the next one is often there again
  };
  struct Waiting {
    Ticket ticket = 0;
    std::uint64_t last_pass = 0;  // not found when this one is over: nobody's
  };
  struct Place {
    std::uint32_t pid = 0;
    unsigned descriptor = 0;
    std::uint64_t pass = 0;  // in which it was noted
  };
  bool searching() const { return looks_around_ || !waiting_.empty(); }
  using Recents = std::list<Recent>;
  using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;
  using Each = std::function<bool(unsigned descriptor, std::uint64_t inode)>;
  // A process in the middle of whose descriptors a turn may end.
  struct Walk {
    std::uint32_t pid = 0;
    Directory folder{nullptr, &::closedir};
  };

  Walk walk(std::uint32_t pid) const;
  // Goes on with its sockets until `each` says stop or none of the links that are `left` is; true at the
  // walk's end.
  static bool go_on(const Walk& walk, unsigned& left, const Each& each);
  void note(std::uint32_t pid, unsigned descriptor, std::uint64_t inode,
            std::vector<std::pair<Ticket, std::uint32_t>>& answers);
  FileDescriptor folder_of(std::uint32_t pid) const;
  Recents::iterator recent(std::uint32_t pid);
  bool look_at_recent(Recent& one, std::uint64_t inode, std::size_t most, unsigned& left) const;
  std::optional<std::uint32_t> look_at_all(std::uint32_t pid, std::uint64_t inode, unsigned& left);
  std::optional<std::uint32_t> look_where_noted(std::uint64_t inode);
  std::uint32_t found(std::uint32_t pid, unsigned descriptor);
  void begin_pass();
  void end_pass(const Done& done);

  std::string proc_;
  Recents recent_;                   // the last one found comes first
  std::deque<std::uint32_t> began_;  // the last one that began comes first
  std::unordered_map<std::uint64_t, Place> noted_;
  std::unordered_multimap<std::uint64_t, Waiting> waiting_;
  std::vector<std::uint32_t> pids_;  // still to be looked at in this pass, the next one last
  Walk walk_;                        // of the one that is being looked at
  std::uint64_t pass_ = 0;           // that runs, or ran last
  bool in_pass_ = false;
  bool looks_around_ = false;
  Counters counters_;
};

}  // namespace tollgate
