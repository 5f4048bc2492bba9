// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tollgate/ruleset/live_rules.hpp"

namespace tollgate {

// Which interface stands behind which number in the ct mark. A name has its number for as long as
// there is room, also while the interface is away: a tunnel that comes back finds its flows. Numbers
// follow from the names, so that a daemon that starts again mostly gives the same ones; where it does
// not, flows are asked about once more.
//
// With more names than numbers the one that has been away longest gives its number up; when none is
// away, what is left over shares the last number: between those a change is not noticed.
class InterfaceSlots {
 public:
  // As many as fit into that field of a mark: 1 .. 2^bits - 1 (0 is: not known yet).
  explicit InterfaceSlots(std::uint32_t interface_mask);

  // These interfaces are there now; no name twice. True when what `present` gives has changed.
  bool update(const std::vector<std::string>& names);
  const std::vector<InterfaceSlot>& present() const { return present_; }
  // How many of them share the last number.
  std::size_t sharing() const { return sharing_; }

 private:
  struct Holder {
    std::string name;
    std::uint64_t away_since = 0;  // of updates; 0: is there
  };
  std::uint32_t take(const std::string& name);

  std::uint32_t last_;  // the number that is shared
  std::uint64_t updates_ = 0;
  std::map<std::uint32_t, Holder> holders_;  // by number, but the last
  std::map<std::string, std::uint32_t, std::less<>> numbers_;
  std::vector<InterfaceSlot> present_;
  std::size_t sharing_ = 0;
};

}  // namespace tollgate
