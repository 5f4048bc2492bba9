// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tollgate/process/process.hpp"

namespace tollgate {

// What of a process a rule can name, one key of the language each.
enum class ProcessField : std::uint8_t {
  process,  // path of the program; "kernel" for the kernel's own
  command,
  parent,  // path of any ancestor
  script,
  unit,
  slice,
  session,
  cgroup,
  container,
  app,
  count_,
};
inline constexpr std::size_t kProcessFields = static_cast<std::size_t>(ProcessField::count_);
constexpr ProcessField process_field(std::size_t index) { return static_cast<ProcessField>(index); }
constexpr std::size_t index_of(ProcessField field) { return static_cast<std::size_t>(field); }

// "process", "command", …: as in the language.
std::string_view to_string(ProcessField field);

// The path that stands for the kernel's own sockets: no program has it, for those begin with a slash.
inline constexpr std::string_view kKernelPath = "kernel";

// The field's text of that process; "" when there is none. Of `parent` the nearest.
std::string_view text_of(const Process& process, ProcessField field);

// Whether test(text) holds for the field's text, or for any of its texts (parent). Not asked for texts
// that are not there.
template <class Test>
bool any_text(const Process& process, ProcessField field, Test&& test) {
  if (field != ProcessField::parent) {
    const std::string_view text = text_of(process, field);
    return !text.empty() && test(text);
  }
  for (const Ancestor& ancestor : process.ancestors) {
    if (!ancestor.path.empty() && test(std::string_view{ancestor.path})) return true;
  }
  return false;
}
// Nothing is there that a text could be compared with.
inline bool lacks(const Process& process, ProcessField field) {
  return !any_text(process, field, [](std::string_view) { return true; });
}

}  // namespace tollgate
