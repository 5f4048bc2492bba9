// SPDX-License-Identifier: GPL-2.0-or-later
#include "shared_library.hpp"

#include <dlfcn.h>

#include <stdexcept>

namespace tollgate {
namespace {

[[noreturn]] void lacking() {
  const char* const why = ::dlerror();
  throw std::runtime_error{std::string{"nameserver: "} +
                           (why != nullptr ? why : "a library lacks something")};
}

}  // namespace

SharedLibrary::SharedLibrary(const char* name) : handle_{::dlopen(name, RTLD_NOW | RTLD_LOCAL)} {
  if (handle_ == nullptr) lacking();
}

void* SharedLibrary::symbol(const char* name) const {
  void* const found = ::dlsym(handle_, name);
  if (found == nullptr) lacking();
  return found;
}

}  // namespace tollgate
