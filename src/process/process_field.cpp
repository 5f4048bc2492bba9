// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/process/process_field.hpp"

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
    case ProcessField::count_:
      break;
  }
  return {};
}

std::string_view text_of(const Process& process, ProcessField field) {
  switch (field) {
    case ProcessField::process:
      return process.source == ProcessSource::kernel ? kKernelPath : std::string_view{process.path};
    case ProcessField::command:
      return process.command;
    case ProcessField::parent:
      return process.ancestors.empty() ? std::string_view{} : process.ancestors.front().path;
    case ProcessField::script:
      return process.script;
    case ProcessField::unit:
      return process.group.unit;
    case ProcessField::slice:
      return process.group.slice;
    case ProcessField::session:
      return process.group.session;
    case ProcessField::cgroup:
      return process.cgroup;
    case ProcessField::container:
      return process.group.container;
    case ProcessField::app:
      return process.app;
    case ProcessField::count_:
      break;
  }
  return {};
}

}  // namespace tollgate
