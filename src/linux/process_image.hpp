// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <span>
#include <string>

#include "linux/bpf/owner.h"
#include "tollgate/process/process.hpp"

namespace tollgate {

// The identity that an eBPF program tells.
ProcessId process_id_of(const tollgate_process_key& key);

// What an eBPF program saw of a program, as a value. `known` finds those that were told of before: a
// process's ancestors are told of after it, so those that are not known yet have only their id, and are
// looked for in /proc.
Process process_of(const tollgate_image& image, std::span<const std::string> interpreters,
                   const std::function<ProcessPointer(const ProcessId&)>& known);

}  // namespace tollgate
