// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "tollgate/process/process.hpp"
#include "tollgate/process/process_texts.hpp"

namespace tollgate {

// The path that stands for the kernel's own sockets: no program has it, for those begin with a slash.
inline constexpr std::string_view kKernelPath = "kernel";

// The field's text of that process; "" when there is none. Of `parent` the nearest.
std::string_view text_of(const Process& process, ProcessField field);

// Makes the text the field's; of `parent` one more ancestor's.
void set_text(Process& process, ProcessField field, std::string text);

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
