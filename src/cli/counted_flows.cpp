// SPDX-License-Identifier: GPL-2.0-or-later
#include "counted_flows.hpp"

#include <algorithm>

namespace tollgate::cli {

void CountedFlows::add(const FlowEntry& flow) {
  std::string name;
  if (flow.process) {
    name = what_ == "process" ? flow.process->path
           : what_ == "unit"  ? flow.process->unit
                              : flow.process->container;
  }
  FlowGroup& group = groups_[name];
  group.name = name;
  ++group.flows;
  group.packets += flow.packets;
  group.bytes += flow.bytes;
}

void CountedFlows::finish() {
  std::vector<FlowGroup> groups;
  for (auto& [name, group] : groups_) groups.push_back(std::move(group));
  std::ranges::stable_sort(groups, std::ranges::greater{}, &FlowGroup::flows);
  done_(groups);
}

}  // namespace tollgate::cli
