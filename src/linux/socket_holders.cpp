// SPDX-License-Identifier: GPL-2.0-or-later
#include "socket_holders.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>
#include <system_error>

#include "tollgate/process/proc_files.hpp"

namespace tollgate {
namespace {

// The pid that was given out last: the last word of /proc/loadavg (proc(5)).
std::optional<std::uint32_t> last_pid(const std::string& proc) {
  std::ifstream file{proc + "/loadavg"};
  std::string word, last;
  while (file >> word) last = word;
  return parse_proc_number(last);
}

// Of the descriptor, if it is a socket.
std::optional<std::uint64_t> socket_at(int folder, const char* name) {
  std::array<char, 64> target{};
  const ssize_t size = ::readlinkat(folder, name, target.data(), target.size());
  if (size <= 0) return std::nullopt;
  return parse_socket_link({target.data(), static_cast<std::size_t>(size)});
}

std::optional<std::uint64_t> socket_at(int folder, unsigned descriptor) {
  std::array<char, 16> name{};
  std::to_chars(name.data(), name.data() + name.size() - 1, descriptor);
  return socket_at(folder, name.data());
}

}  // namespace

FileDescriptor SocketHolders::folder_of(std::uint32_t pid) const {
  const std::string path = proc_ + '/' + std::to_string(pid) + "/fd";
  return FileDescriptor{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
}

SocketHolders::Walk SocketHolders::walk(std::uint32_t pid) const {
  return {pid, {::opendir((proc_ + '/' + std::to_string(pid) + "/fd").c_str()), &::closedir}};
}

bool SocketHolders::go_on(const Walk& walk, unsigned& left, const Each& each) {
  while (walk.folder && left > 0) {
    const dirent* const entry = ::readdir(walk.folder.get());
    if (entry == nullptr) return true;
    const auto descriptor = parse_proc_number(static_cast<const char*>(entry->d_name));
    if (!descriptor) continue;
    --left;
    const auto inode = socket_at(::dirfd(walk.folder.get()), static_cast<const char*>(entry->d_name));
    if (inode && !each(*descriptor, *inode)) return true;
  }
  return !walk.folder;
}

void SocketHolders::began(std::uint32_t pid) {
  if (!began_.empty() && began_.front() == pid) return;
  began_.push_front(pid);
  if (began_.size() > kRecent) began_.pop_back();
}

void SocketHolders::ended(std::uint32_t pid) {
  std::erase(began_, pid);
  if (const auto known = recent(pid); known != recent_.end()) recent_.erase(known);
}

SocketHolders::Recents::iterator SocketHolders::recent(std::uint32_t pid) {
  return std::ranges::find(recent_, pid, &Recent::pid);
}

// Notes it as what is looked at first.
std::uint32_t SocketHolders::found(std::uint32_t pid, unsigned descriptor) {
  auto one = recent(pid);
  if (one == recent_.end()) {
    if (recent_.size() == kRecent) recent_.pop_back();
    one = recent_.insert(recent_.begin(), Recent{pid, {}, {}});
  }
  // The folder that is there may be of one that had the pid before.
  one->folder = folder_of(pid);
  recent_.splice(recent_.begin(), recent_, one);
  std::vector<unsigned>& descriptors = one->descriptors;
  std::erase(descriptors, descriptor);
  if (descriptors.size() == kRecentDescriptors) descriptors.pop_back();
  descriptors.insert(descriptors.begin(), descriptor);
  return pid;
}

bool SocketHolders::still_holds(std::uint32_t pid, std::uint64_t inode) const {
  const auto known = std::ranges::find(recent_, pid, &Recent::pid);
  if (known == recent_.end()) return false;
  return std::ranges::any_of(known->descriptors, [&](unsigned descriptor) {
    return socket_at(known->folder.get(), descriptor) == inode;
  });
}

bool SocketHolders::look_at_recent(Recent& one, std::uint64_t inode, std::size_t most, unsigned& left) const {
  std::vector<unsigned>& descriptors = one.descriptors;
  for (std::size_t i = 0; i < std::min(most, descriptors.size()) && left > 0; ++i, --left) {
    if (socket_at(one.folder.get(), descriptors[i]) != inode) continue;
    std::rotate(descriptors.begin(), descriptors.begin() + static_cast<std::ptrdiff_t>(i),
                descriptors.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    return true;
  }
  return false;
}

std::optional<std::uint32_t> SocketHolders::look_at_all(std::uint32_t pid, std::uint64_t inode,
                                                        unsigned& left) {
  std::optional<unsigned> place;
  --left;  // the folder itself
  go_on(walk(pid), left, [&](unsigned descriptor, std::uint64_t other) {
    if (other == inode) place = descriptor;
    return !place;
  });
  return place ? std::optional{found(pid, *place)} : std::nullopt;
}

std::optional<std::uint32_t> SocketHolders::look_where_noted(std::uint64_t inode) {
  const auto noted = noted_.find(inode);
  if (noted == noted_.end()) return std::nullopt;
  const Place place = noted->second;
  if (socket_at(folder_of(place.pid).get(), place.descriptor) == inode)
    return found(place.pid, place.descriptor);
  noted_.erase(noted);
  return std::nullopt;
}

std::optional<std::uint32_t> SocketHolders::find_quickly(std::uint64_t inode) {
  constexpr std::size_t kWhole = 8;  // processes of which more than the last place is looked at
  unsigned left = kQuickLinks;
  std::optional<std::uint32_t> pid;
  // The very descriptors of last time: one link each.
  std::size_t rank = 0;
  for (auto one = recent_.begin(); one != recent_.end() && left > 0; ++one, ++rank) {
    if (!look_at_recent(*one, inode, rank < kWhole ? kRecentDescriptors : 1, left)) continue;
    recent_.splice(recent_.begin(), recent_, one);
    pid = recent_.front().pid;
    break;
  }
  if (!pid) pid = look_where_noted(inode);
  // Then all descriptors of the few that come first. Looking changes the order.
  std::vector<std::uint32_t> first;
  for (std::size_t i = 0; !pid && i < kWhole; ++i) {
    if (i < began_.size()) first.push_back(began_[i]);
    if (i < recent_.size()) first.push_back(std::next(recent_.begin(), static_cast<std::ptrdiff_t>(i))->pid);
  }
  for (std::size_t i = 0; i < first.size() && !pid && left > 0; ++i) pid = look_at_all(first[i], inode, left);
  if (pid) ++counters_.quick;
  return pid;
}

bool SocketHolders::search(std::uint64_t inode, Ticket ticket) {
  if (waiting_.size() >= kMostWaiting) {
    ++counters_.refused;
    return false;
  }
  ++counters_.searches;
  // A pass that only looks around begins anew: whoever asks has often just begun. One that somebody waits
  // for goes on, and has gone past some already: only the next one is whole.
  if (waiting_.empty()) in_pass_ = false;
  waiting_.emplace(inode, Waiting{ticket, pass_ + 1});
  return true;
}

// Those that began lately come first, then the youngest: pids are given out one after the other, until they
// begin anew.
void SocketHolders::begin_pass() {
  ++pass_;
  in_pass_ = true;
  pids_.clear();
  walk_ = Walk{};
  if (noted_.size() >= kMostNoted) noted_.clear();
  const Directory folder{::opendir(proc_.c_str()), &::closedir};
  if (!folder) return;
  while (const dirent* const entry = ::readdir(folder.get())) {
    if (const auto pid = parse_proc_number(static_cast<const char*>(entry->d_name))) pids_.push_back(*pid);
  }
  std::ranges::sort(pids_);
  // Not of std::ranges: what those return clang 14 cannot read.
  if (const auto last = last_pid(proc_))
    std::rotate(pids_.begin(), std::ranges::upper_bound(pids_, *last), pids_.end());
  std::stable_partition(pids_.begin(), pids_.end(), [&](std::uint32_t pid) {
    return std::ranges::find(began_, pid) == began_.end() && recent(pid) == recent_.end();
  });
}

void SocketHolders::end_pass(const Done& done) {
  in_pass_ = false;
  looks_around_ = false;
  walk_ = Walk{};
  std::vector<Ticket> nobodys;
  for (auto one = waiting_.begin(); one != waiting_.end();) {
    if (one->second.last_pass > pass_) {
      ++one;
      continue;
    }
    nobodys.push_back(one->second.ticket);
    one = waiting_.erase(one);
  }
  for (const Ticket ticket : nobodys) done(ticket, std::nullopt);
}

void SocketHolders::note(std::uint32_t pid, unsigned descriptor, std::uint64_t inode,
                         std::vector<std::pair<Ticket, std::uint32_t>>& answers) {
  // Of several holders the youngest, as of those that eBPF programs find: a service, rather than systemd
  // which opened the socket for it. A pass comes by it first.
  Place place{pid, descriptor, pass_};
  if (const auto known = noted_.find(inode); known != noted_.end()) {
    if (known->second.pass != pass_) known->second = place;
  } else if (noted_.size() < kMostNoted) {
    noted_.emplace(inode, place);
  }
  const auto [first, last] = waiting_.equal_range(inode);
  if (first == last) return;
  for (auto one = first; one != last; ++one) answers.emplace_back(one->second.ticket, pid);
  waiting_.erase(first, last);
  found(pid, descriptor);
}

SocketHolders::Left SocketHolders::turn(const Done& done) {
  if (!searching()) return Left::nothing;
  if (!in_pass_) begin_pass();
  std::vector<std::pair<Ticket, std::uint32_t>> answers;
  for (unsigned left = kLinksPerTurn; left > 0 && searching();) {
    if (!walk_.folder) {
      if (pids_.empty()) break;
      walk_ = walk(pids_.back());
      pids_.pop_back();
      --left;
      continue;
    }
    const bool over = go_on(walk_, left, [&](unsigned descriptor, std::uint64_t inode) {
      note(walk_.pid, descriptor, inode, answers);
      return searching();
    });
    if (over) walk_ = Walk{};
  }
  for (const auto& [ticket, pid] : answers) done(ticket, pid);
  if ((pids_.empty() && !walk_.folder) || !searching()) end_pass(done);
  if (!waiting_.empty()) return Left::urgent;
  return looks_around_ ? Left::unhurried : Left::nothing;
}

}  // namespace tollgate
