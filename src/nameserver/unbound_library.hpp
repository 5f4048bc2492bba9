// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <unbound-event.h>
#include <unbound.h>

namespace tollgate {

// What we use of libunbound (its headers say what each does). Loaded by the first call, for good: a daemon
// without nameserver has neither its code nor its tables.
struct UnboundLibrary {
  decltype(&::ub_ctx_create_ub_event) create = nullptr;
  decltype(&::ub_ctx_delete) destroy = nullptr;
  decltype(&::ub_ctx_config) configure = nullptr;
  decltype(&::ub_ctx_debugout) debug_output = nullptr;
  decltype(&::ub_resolve_event) resolve = nullptr;
  decltype(&::ub_strerror) error_text = nullptr;
};

// Throws std::runtime_error when it is not installed, or lacks something.
const UnboundLibrary& unbound_library();

}  // namespace tollgate
