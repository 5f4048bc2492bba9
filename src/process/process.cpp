// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/process/process.hpp"

namespace tollgate {

std::string_view to_string(ProcessSource source) {
  switch (source) {
    case ProcessSource::none:
      return "none";
    case ProcessSource::ebpf:
      return "ebpf";
    case ProcessSource::proc:
      return "sock_diag+proc";
    case ProcessSource::kernel:
      return "kernel";
    case ProcessSource::network_namespace:
      return "netns";
    case ProcessSource::tap:
      return "tap";
    case ProcessSource::count_:
      break;
  }
  return {};
}

std::string_view to_string(NoProcess why) {
  switch (why) {
    case NoProcess::not_asked:
      return "not looked for";
    case NoProcess::not_local:
      return "not of this machine";
    case NoProcess::no_socket:
      return "no such socket any more";
    case NoProcess::no_holder:
      return "nobody seen to hold the socket";
    case NoProcess::late:
      return "not found in time";
    case NoProcess::full:
      return "too many processes";
    case NoProcess::count_:
      break;
  }
  return {};
}

}  // namespace tollgate
