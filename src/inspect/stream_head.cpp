// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/inspect/stream_head.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace tollgate {

StreamHead::Added StreamHead::add(std::uint64_t offset, std::span<const std::uint8_t> bytes) {
  if (offset < consumed_) {
    const std::uint64_t known = consumed_ - offset;
    if (known >= bytes.size()) return Added::stored;
    bytes = bytes.subspan(static_cast<std::size_t>(known));
    offset = consumed_;
  }
  if (bytes.empty()) return Added::stored;
  if (offset - consumed_ >= limit_) return Added::beyond;
  const auto begin = static_cast<std::size_t>(offset - consumed_);
  const bool cut = bytes.size() > limit_ - begin;
  if (cut) bytes = bytes.first(limit_ - begin);
  if (!agrees(begin, bytes)) return Added::conflict;

  const std::size_t before = prefix().size();
  if (!insert(begin, begin + bytes.size())) return Added::beyond;
  if (bytes_.size() < begin + bytes.size()) bytes_.resize(begin + bytes.size());
  std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(begin));
  if (prefix().size() > before) return Added::grown;
  return cut ? Added::beyond : Added::stored;
}

std::span<const std::uint8_t> StreamHead::prefix() const {
  if (stretches_.empty() || stretches_.front().begin != 0) return {};
  return std::span{bytes_}.first(stretches_.front().end);
}

void StreamHead::consume(std::size_t count) {
  assert(count <= prefix().size());
  if (count == 0) return;
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(count));
  for (Stretch& stretch : stretches_) {
    stretch.begin -= std::min(stretch.begin, count);
    stretch.end -= count;
  }
  if (stretches_.front().end == 0) stretches_.erase(stretches_.begin());
  consumed_ += count;
}

bool StreamHead::agrees(std::size_t begin, std::span<const std::uint8_t> bytes) const {
  return std::ranges::all_of(stretches_, [&](const Stretch& known) {
    const std::size_t from = std::max(begin, known.begin);
    const std::size_t to = std::min(begin + bytes.size(), known.end);
    return from >= to || std::ranges::equal(std::span{bytes_}.subspan(from, to - from),
                                            bytes.subspan(from - begin, to - from));
  });
}

bool StreamHead::insert(std::size_t begin, std::size_t end) {
  // All that it meets or touches becomes one with it.
  const auto first =
      std::ranges::find_if(stretches_, [&](const Stretch& known) { return known.end >= begin; });
  const auto last =
      std::find_if(first, stretches_.end(), [&](const Stretch& known) { return known.begin > end; });
  if (first == last) {
    if (stretches_.size() == kMaxStretches) return false;
    stretches_.insert(first, {begin, end});
    return true;
  }
  first->begin = std::min(first->begin, begin);
  first->end = std::max(end, std::prev(last)->end);
  stretches_.erase(std::next(first), last);
  return true;
}

}  // namespace tollgate
