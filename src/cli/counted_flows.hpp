// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "output.hpp"

namespace tollgate::cli {

struct FlowGroup {
  std::string name;  // "": of whom it is not known, or who is in none
  std::uint64_t flows = 0, packets = 0, bytes = 0;
};

// Counts flows instead of listing them; `done` gets the groups, the one with the most flows first.
class CountedFlows final : public FlowList {
 public:
  using Done = std::function<void(const std::vector<FlowGroup>&)>;
  // `what`: "process", "unit" or "container".
  CountedFlows(std::string what, Done done) : what_{std::move(what)}, done_{std::move(done)} {}
  void add(const FlowEntry& flow) override;
  void finish() override;

 private:
  std::string what_;
  Done done_;
  std::map<std::string, FlowGroup> groups_;
};

}  // namespace tollgate::cli
