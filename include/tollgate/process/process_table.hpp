// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>

#include "tollgate/process/process.hpp"

namespace tollgate {

// The processes that are known, each once, by pid, start time and image. Flows hold what they refer to:
// it stays as long as they do, also when the process has ended and when it is no longer here.
class ProcessTable {
 public:
  static constexpr std::size_t kDefaultLimit = 16'384;
  explicit ProcessTable(std::size_t limit = kDefaultLimit) : limit_{limit} {}

  // nullptr when it is not here.
  ProcessPointer find(const ProcessId& id);
  // Puts it there, in the place of what was known of the same id. At the limit the one that was not
  // asked for the longest time goes, of those that nobody holds; nullptr when all are held.
  ProcessPointer keep(Process process);
  void forget(const ProcessId& id);

  std::size_t size() const { return by_id_.size(); }
  std::uint64_t refused() const { return refused_; }  // for want of room

 private:
  // What is held is looked past at most so often for one that is not.
  static constexpr int kMostLooks = 64;
  using Order = std::list<ProcessPointer>;  // the one that was asked for last comes last
  bool make_room();

  std::size_t limit_;
  Order order_;
  std::map<ProcessId, Order::iterator> by_id_;
  std::uint64_t refused_ = 0;
};

}  // namespace tollgate
