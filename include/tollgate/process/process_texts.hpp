// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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
  sha256,  // of the program's file, 64 small hexadecimal digits; only there when somebody asks for it
  count_,
};
inline constexpr std::size_t kProcessFields = static_cast<std::size_t>(ProcessField::count_);
constexpr ProcessField process_field(std::size_t index) { return static_cast<ProcessField>(index); }
constexpr std::size_t index_of(ProcessField field) { return static_cast<std::size_t>(field); }

// "process", "command", …, "process.sha256": as in the language.
std::string_view to_string(ProcessField field);
// The same in one word, for options and members: "sha256".
std::string_view one_word(ProcessField field);

// What somebody says of a process, or asks for. What is absent is left open.
struct ProcessTexts {
  std::array<std::optional<std::string>, kProcessFields> texts;
  std::optional<std::string>& operator[](ProcessField field) { return texts[index_of(field)]; }
  const std::optional<std::string>& operator[](ProcessField field) const { return texts[index_of(field)]; }
  bool any() const { return *this != ProcessTexts{}; }
  friend bool operator==(const ProcessTexts&, const ProcessTexts&) = default;
};

}  // namespace tollgate
