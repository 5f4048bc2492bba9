// SPDX-License-Identifier: GPL-2.0-or-later
#include "holder_finder.hpp"

#include <utility>

namespace tollgate {

void HolderFinder::take_census(Answer done) {
  waiting_.push_back(std::move(done));
  if (served_.empty()) begin();
}

void HolderFinder::begin() {
  if (!aside_) aside_ = std::make_unique<Aside>(loop_);
  served_ = std::exchange(waiting_, {});
  const auto census = std::make_shared<CensusPointer>();
  aside_->run([&attribution = attribution_,
               census] { *census = std::make_shared<const SocketCensus>(attribution.take_census()); },
              [this, census] { taken(*census); });
}

void HolderFinder::taken(const CensusPointer& census) {
  for (const Answer& done : std::exchange(served_, {})) done(census);
  if (!waiting_.empty() && served_.empty()) begin();
}

}  // namespace tollgate
