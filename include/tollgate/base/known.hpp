// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cassert>
#include <cstdint>
#include <utility>

namespace tollgate {

// One field of the evidence: known, empty (it cannot be known), or not yet known. A rule that needs
// a field that is not yet known neither matches nor fails: it waits (DESIGN.md §4).
template <class T>
class Known {
 public:
  Known() = default;  // empty
  Known(T value) : state_{State::known}, value_{std::move(value)} {}
  static Known awaited() {
    Known field;
    field.state_ = State::awaited;
    return field;
  }

  bool is_known() const { return state_ == State::known; }
  bool is_empty() const { return state_ == State::empty; }
  bool is_awaited() const { return state_ == State::awaited; }
  const T& operator*() const {
    assert(is_known());
    return value_;
  }
  const T* operator->() const { return &**this; }

  friend bool operator==(const Known&, const Known&) = default;

 private:
  enum class State : std::uint8_t { empty, awaited, known };
  State state_ = State::empty;
  T value_{};
};

}  // namespace tollgate
