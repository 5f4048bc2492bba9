// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cassert>
#include <utility>
#include <variant>

namespace tollgate {

// A value or the reason why there is none. T and E are different types, so that either converts
// into a Result by itself. Asking for the wrong one is a bug of ours and asserts.
template <class T, class E>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_{std::in_place_index<0>, std::move(value)} {}
  // Makes the value where it stays, for those that are dear to move.
  template <class... Arguments>
  explicit Result(std::in_place_t, Arguments&&... arguments)
      : state_{std::in_place_index<0>, std::forward<Arguments>(arguments)...} {}
  Result(E error) : state_{std::in_place_index<1>, std::move(error)} {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  const T& value() const {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  T& value() {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  const E& error() const {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }

  const T& operator*() const { return value(); }
  T& operator*() { return value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }

 private:
  std::variant<T, E> state_;
};

}  // namespace tollgate
