// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/process/process_field.hpp"

#include <utility>

namespace tollgate {

std::string_view to_string(ProcessField field) {
  switch (field) {
    case ProcessField::process:
      return "process";
    case ProcessField::command:
      return "command";
    case ProcessField::parent:
      return "parent";
    case ProcessField::script:
      return "script";
    case ProcessField::unit:
      return "unit";
    case ProcessField::slice:
      return "slice";
    case ProcessField::session:
      return "session";
    case ProcessField::cgroup:
      return "cgroup";
    case ProcessField::container:
      return "container";
    case ProcessField::app:
      return "app";
    case ProcessField::sha256:
      return "process.sha256";
    case ProcessField::count_:
      break;
  }
  return {};
}

std::string_view one_word(ProcessField field) {
  return field == ProcessField::sha256 ? std::string_view{"sha256"} : to_string(field);
}

namespace {

// Where the text stands; nullptr of `parent`, which has several.
template <class Whose>
auto place_of(Whose& process, ProcessField field) -> decltype(&process.path) {
  switch (field) {
    case ProcessField::process:
      return &process.path;
    case ProcessField::command:
      return &process.command;
    case ProcessField::script:
      return &process.script;
    case ProcessField::unit:
      return &process.group.unit;
    case ProcessField::slice:
      return &process.group.slice;
    case ProcessField::session:
      return &process.group.session;
    case ProcessField::cgroup:
      return &process.cgroup;
    case ProcessField::container:
      return &process.group.container;
    case ProcessField::app:
      return &process.app;
    case ProcessField::sha256:
      return &process.sha256;
    case ProcessField::parent:
    case ProcessField::count_:
      break;
  }
  return nullptr;
}

}  // namespace

std::string_view text_of(const Process& process, ProcessField field) {
  if (field == ProcessField::process && process.source == ProcessSource::kernel) return kKernelPath;
  if (const std::string* text = place_of(process, field)) return *text;
  return process.ancestors.empty() ? std::string_view{} : process.ancestors.front().path;
}

void set_text(Process& process, ProcessField field, std::string text) {
  if (std::string* place = place_of(process, field)) {
    *place = std::move(text);
  } else {
    process.ancestors.push_back({{}, std::move(text)});
  }
}

}  // namespace tollgate
