// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace tollgate {

// A library that is loaded when it is needed, and stays. Throws std::runtime_error when it is not installed
// or lacks something.
class SharedLibrary {
 public:
  explicit SharedLibrary(const char* name);

  template <class Function>
  void find(const char* name, Function& out) const {
    out = reinterpret_cast<Function>(symbol(name));
  }

 private:
  void* symbol(const char* name) const;
  void* handle_;
};

}  // namespace tollgate
