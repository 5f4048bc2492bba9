// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest_finder.hpp"

#include <utility>

namespace tollgate {

GuestFinder::GuestFinder(boost::asio::io_context& loop, Answer later)
    : loop_{loop}, later_{std::move(later)} {
  auto guests = Guests::open();
  if (guests.ok()) guests_.emplace(std::move(guests.value()));
}

ProcessFound GuestFinder::answer(const FlowRef& flow, const ProcessPointer& guest) {
  if (guest) {
    counters_.found.add(guest->source);
  } else {
    counters_.not_found.add(NoProcess::not_local);
  }
  return {flow, guest, NoProcess::not_local};
}

std::optional<ProcessFound> GuestFinder::look_up(const LookUp& asked) {
  const Question question{asked.tuple.source_address(), asked.tuple.destination_address(), asked.arrival};
  const auto known = known_.find(question);
  if (known != known_.end() && Clock::now() < known->second.until)
    return answer(asked.flow, known->second.guest);
  const bool looks = waiting_.contains(question);
  if (!guests_ || (!looks && waiting_.size() >= kMostWaiting)) return answer(asked.flow, nullptr);
  waiting_[question].push_back(asked.flow);
  if (!looks) look(question);
  return std::nullopt;
}

void GuestFinder::look(const Question& question) {
  if (!aside_) aside_ = std::make_unique<Aside>(loop_);
  const auto found = std::make_shared<ProcessPointer>();
  aside_->run(
      [this, question, found] {
        std::optional<Process> guest = guests_->behind(question.source, question.arrival);
        if (!guest) guest = guests_->behind(question.destination, 0);
        if (guest) *found = std::make_shared<const Process>(std::move(*guest));
      },
      [this, question, found] { told(question, *found); });
}

void GuestFinder::told(const Question& question, const ProcessPointer& guest) {
  if (known_.size() >= kMostKnown) known_.clear();
  known_.insert_or_assign(question, Known{guest, Clock::now() + kGood});
  const auto flows = waiting_.extract(question);
  if (flows.empty()) return;
  for (const FlowRef& flow : flows.mapped()) later_(answer(flow, guest));
}

}  // namespace tollgate
