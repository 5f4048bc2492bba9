// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/engine/answer_windows.hpp"

#include <cstring>
#include <functional>
#include <string_view>

namespace tollgate {

std::size_t hash_value(const LocalEndpoint& endpoint) {
  const auto& bytes = endpoint.address.bytes();
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  return std::hash<std::string_view>{}(text)*31 + endpoint.port;
}

void AnswerWindows::open(const LocalEndpoint& endpoint, Time now) {
  close_over(now);
  const Time closes = now + length_;
  Time& window = windows_[endpoint];
  if (window == closes) return;
  window = closes;
  openings_.push_back({endpoint, closes});
  // Those that stand in vain count as well: what is remembered stays bounded.
  while (openings_.size() > kMaxAnswerWindows) {
    const Opening& first = openings_.front();
    const auto found = windows_.find(first.endpoint);
    if (found != windows_.end() && found->second == first.closes) windows_.erase(found);
    openings_.pop_front();
  }
}

bool AnswerWindows::is_open(const LocalEndpoint& endpoint, Time now) const {
  const auto found = windows_.find(endpoint);
  return found != windows_.end() && now < found->second;
}

void AnswerWindows::close(const LocalEndpoint& endpoint) { windows_.erase(endpoint); }

void AnswerWindows::close_over(Time now) {
  while (!openings_.empty() && openings_.front().closes <= now) {
    const auto found = windows_.find(openings_.front().endpoint);
    if (found != windows_.end() && found->second <= now) windows_.erase(found);
    openings_.pop_front();
  }
}

std::optional<Time> AnswerWindows::next_deadline() const {
  return openings_.empty() ? std::nullopt : std::optional{openings_.front().closes};
}

}  // namespace tollgate
