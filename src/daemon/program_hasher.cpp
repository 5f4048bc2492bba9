// SPDX-License-Identifier: GPL-2.0-or-later
#include "program_hasher.hpp"

#include <utility>

namespace tollgate {
namespace {

bool has_program(const ProcessFound& found) {
  return found.process && found.process->source != ProcessSource::kernel && found.process->file.inode != 0;
}

}  // namespace

ProgramHasher::ProgramHasher(boost::asio::io_context& loop, Answer later)
    : loop_{loop}, later_{std::move(later)} {}

ProcessFound ProgramHasher::complete(const ProcessFound& found) {
  if (!wanted_ || !has_program(found) || !found.process->sha256.empty()) return found;
  ProcessFound more = found;
  if (const auto known = known_.find(found.process); known != known_.end()) {
    more.process = known->second;
    return more;
  }
  const bool asked = waiting_.contains(found.process);
  if (!asked && waiting_.size() >= kMostWaiting) {
    ++unknown_;
    return found;
  }
  waiting_[found.process].push_back(found.flow);
  if (!asked) read(found.process);
  more.hash_follows = true;
  return more;
}

void ProgramHasher::read(const ProcessPointer& process) {
  if (!aside_) aside_ = std::make_unique<Aside>(loop_);
  const auto hashed = std::make_shared<ProcessPointer>(process);
  aside_->run(
      [this, process, hashed] {
        std::string hash = hashes_.of(*process);
        if (hash.empty()) return;
        Process more = *process;
        more.sha256 = std::move(hash);
        *hashed = std::make_shared<const Process>(std::move(more));
      },
      [this, process, hashed] { told(process, *hashed); });
}

void ProgramHasher::told(const ProcessPointer& process, const ProcessPointer& hashed) {
  if (hashed->sha256.empty()) ++unknown_;
  if (known_.size() >= kMostKnown) known_.clear();
  known_.insert_or_assign(process, hashed);
  const auto flows = waiting_.extract(process);
  if (flows.empty()) return;
  for (const FlowRef& flow : flows.mapped()) later_({flow, hashed, {}});
}

}  // namespace tollgate
