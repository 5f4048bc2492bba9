// SPDX-License-Identifier: GPL-2.0-or-later
#include "socket_holders.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <string_view>
#include <system_error>

#include "tollgate/process/proc_files.hpp"

namespace tollgate {
namespace {

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> socket_at(int folder, const char* name) {
  std::array<char, 64> target{};
  const ssize_t size = ::readlinkat(folder, name, target.data(), target.size());
  if (size <= 0) return std::nullopt;
  return parse_socket_link({target.data(), static_cast<std::size_t>(size)});
}

}  // namespace

unsigned SocketHolders::for_each_socket(std::uint32_t pid,
                                        const std::function<bool(unsigned, std::uint64_t)>& each) const {
  const Directory folder{::opendir((proc_ + '/' + std::to_string(pid) + "/fd").c_str()), &::closedir};
  unsigned looked = 1;
  if (!folder) return looked;
  while (const dirent* const entry = ::readdir(folder.get())) {
    const auto descriptor = number(static_cast<const char*>(entry->d_name));
    if (!descriptor) continue;
    ++looked;
    const auto inode = socket_at(::dirfd(folder.get()), static_cast<const char*>(entry->d_name));
    if (inode && !each(*descriptor, *inode)) break;
  }
  return looked;
}

std::optional<unsigned> SocketHolders::look(std::uint32_t pid, std::uint64_t inode) const {
  std::optional<unsigned> found;
  for_each_socket(pid, [&](unsigned descriptor, std::uint64_t other) {
    if (other == inode) found = descriptor;
    return !found;
  });
  return found;
}

void SocketHolders::began(std::uint32_t pid) {
  if (!began_.empty() && began_.front() == pid) return;
  began_.push_front(pid);
  if (began_.size() > kRecent) began_.pop_back();
}

void SocketHolders::note(std::uint32_t pid, unsigned descriptor) {
  const auto known = std::ranges::find(recent_, pid, &Recent::pid);
  if (known != recent_.end()) recent_.erase(known);
  recent_.push_front({pid, descriptor});
  if (recent_.size() > kRecent) recent_.pop_back();
}

bool SocketHolders::is_at(const Recent& place, std::uint64_t inode) const {
  const std::string link =
      proc_ + '/' + std::to_string(place.pid) + "/fd/" + std::to_string(place.descriptor);
  return socket_at(AT_FDCWD, link.c_str()) == inode;
}

bool SocketHolders::still_holds(std::uint32_t pid, std::uint64_t inode) const {
  const auto known = std::ranges::find(recent_, pid, &Recent::pid);
  return known != recent_.end() && is_at(*known, inode);
}

std::optional<std::uint32_t> SocketHolders::find_quickly(std::uint64_t inode) {
  const auto found = [&](std::uint32_t pid, unsigned descriptor) {
    ++counters_.quick;
    note(pid, descriptor);
    return pid;
  };
  // The very descriptors of last time: one link each.
  for (const Recent& one : recent_) {
    if (is_at(one, inode)) return found(one.pid, one.descriptor);
  }
  // Then all descriptors of the few that come first.
  constexpr std::size_t kWhole = 8;
  for (std::size_t i = 0; i < kWhole; ++i) {
    if (i < began_.size()) {
      if (const auto descriptor = look(began_[i], inode)) return found(began_[i], *descriptor);
    }
    if (i < recent_.size()) {
      const std::uint32_t pid = recent_[i].pid;
      if (const auto descriptor = look(pid, inode)) return found(pid, *descriptor);
    }
  }
  return std::nullopt;
}

bool SocketHolders::search(std::uint64_t inode, Ticket ticket) {
  if (waiting_.size() >= kMostWaiting) {
    ++counters_.refused;
    return false;
  }
  ++counters_.searches;
  // A pass that runs has gone past some already: only the next one is whole.
  waiting_.emplace(inode, Waiting{ticket, pass_ + 1});
  return true;
}

// The youngest first: a high pid, until they begin anew.
void SocketHolders::begin_pass() {
  ++pass_;
  in_pass_ = true;
  pids_.clear();
  const Directory folder{::opendir(proc_.c_str()), &::closedir};
  if (!folder) return;
  while (const dirent* const entry = ::readdir(folder.get())) {
    if (const auto pid = number(static_cast<const char*>(entry->d_name))) pids_.push_back(*pid);
  }
  std::ranges::sort(pids_);
}

void SocketHolders::end_pass(const Done& done) {
  in_pass_ = false;
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

bool SocketHolders::turn(const Done& done) {
  if (waiting_.empty()) return false;
  if (!in_pass_) begin_pass();
  std::vector<std::pair<Ticket, std::uint32_t>> found;
  for (unsigned looked = 0; looked < kLinksPerTurn && !pids_.empty() && !waiting_.empty();) {
    const std::uint32_t pid = pids_.back();
    pids_.pop_back();
    looked += for_each_socket(pid, [&](unsigned descriptor, std::uint64_t inode) {
      const auto [first, last] = waiting_.equal_range(inode);
      if (first == last) return true;
      for (auto one = first; one != last; ++one) found.emplace_back(one->second.ticket, pid);
      waiting_.erase(first, last);
      note(pid, descriptor);
      return !waiting_.empty();
    });
  }
  for (const auto& [ticket, pid] : found) done(ticket, pid);
  if (pids_.empty() || waiting_.empty()) end_pass(done);
  return !waiting_.empty();
}

}  // namespace tollgate
