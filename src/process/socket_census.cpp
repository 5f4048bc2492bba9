// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/process/socket_census.hpp"

#include <algorithm>
#include <tuple>

namespace tollgate {

void SocketCensus::add(std::uint64_t socket, const ProcessId& process) {
  // Several descriptors of one socket mostly come one after the other.
  if (!holdings_.empty() && holdings_.back() == std::pair{socket, process}) return;
  if (holdings_.size() >= kMostHoldings) {
    whole_ = false;
    return;
  }
  holdings_.emplace_back(socket, process);
}

void SocketCensus::describe(const ProcessId& process, std::string name, std::string path) {
  known_.insert_or_assign(process, std::pair{std::move(name), std::move(path)});
}

void SocketCensus::finish() {
  const auto order = [](const auto& holding) {
    const auto& [socket, process] = holding;
    return std::tuple{socket, process.start, process.pid, process.image};
  };
  std::sort(holdings_.begin(), holdings_.end(),
            [&](const auto& one, const auto& other) { return order(one) < order(other); });
  holdings_.erase(std::unique(holdings_.begin(), holdings_.end()), holdings_.end());
}

std::vector<SocketHolder> SocketCensus::holders(std::uint64_t socket) const {
  std::vector<SocketHolder> found;
  auto at =
      std::lower_bound(holdings_.begin(), holdings_.end(), socket,
                       [](const auto& holding, std::uint64_t wanted) { return holding.first < wanted; });
  for (; at != holdings_.end() && at->first == socket; ++at) {
    SocketHolder holder{at->second, {}, {}};
    if (const auto known = known_.find(holder.process); known != known_.end())
      std::tie(holder.name, holder.path) = known->second;
    found.push_back(std::move(holder));
  }
  return found;
}

}  // namespace tollgate
