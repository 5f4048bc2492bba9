// SPDX-License-Identifier: GPL-2.0-or-later
#include "unbound_library.hpp"

#include "shared_library.hpp"

namespace tollgate {
namespace {

UnboundLibrary load() {
  const SharedLibrary library{"libunbound.so.8"};  // of the interface that its headers declare
  UnboundLibrary loaded;
  library.find("ub_ctx_create_ub_event", loaded.create);
  library.find("ub_ctx_delete", loaded.destroy);
  library.find("ub_ctx_config", loaded.configure);
  library.find("ub_ctx_debugout", loaded.debug_output);
  library.find("ub_resolve_event", loaded.resolve);
  library.find("ub_strerror", loaded.error_text);
  return loaded;
}

}  // namespace

const UnboundLibrary& unbound_library() {
  static const UnboundLibrary library = load();
  return library;
}

}  // namespace tollgate
