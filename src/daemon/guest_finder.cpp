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

std::optional<ProcessPointer> GuestFinder::known(const Place& place) const {
  const auto found = known_.find(place);
  if (found == known_.end() || Clock::now() >= found->second.until) return std::nullopt;
  return found->second.guest;
}

void GuestFinder::remember(const Place& place, const ProcessPointer& guest) {
  if (known_.size() >= kMostKnown) known_.clear();
  known_.insert_or_assign(place, Known{guest, Clock::now() + kGood});
}

std::optional<ProcessFound> GuestFinder::look_up(const LookUp& asked) {
  const Question question{asked.tuple.source_address(), asked.tuple.destination_address(), asked.arrival};
  const auto sender = known({question.source, question.arrival});
  if (sender && *sender) return answer(asked.flow, *sender);
  const auto receiver = known({question.destination, 0});
  if (sender && receiver) return answer(asked.flow, *receiver);
  const bool looks = waiting_.contains(question);
  if (!guests_ || (!looks && waiting_.size() >= kMostWaiting)) return answer(asked.flow, nullptr);
  waiting_[question].push_back(asked.flow);
  if (!looks) look(question, sender.has_value());
  return std::nullopt;
}

void GuestFinder::look(const Question& question, bool sender_is_known) {
  if (!aside_) aside_ = std::make_unique<Aside>(loop_);
  const auto found = std::make_shared<Found>();
  const auto behind = [this](const IpAddress& address, std::uint32_t arrival) {
    std::optional<Process> guest = guests_->behind(address, arrival);
    return guest ? std::make_shared<const Process>(std::move(*guest)) : ProcessPointer{};
  };
  aside_->run(
      [behind, question, sender_is_known, found] {
        if (!sender_is_known) found->sender = behind(question.source, question.arrival);
        if (!found->sender) found->receiver = behind(question.destination, 0);
      },
      [this, question, found] { told(question, *found); });
}

void GuestFinder::told(const Question& question, const Found& found) {
  remember({question.source, question.arrival}, found.sender);
  if (!found.sender) remember({question.destination, 0}, found.receiver);
  const auto flows = waiting_.extract(question);
  if (flows.empty()) return;
  for (const FlowRef& flow : flows.mapped())
    later_(answer(flow, found.sender ? found.sender : found.receiver));
}

}  // namespace tollgate
