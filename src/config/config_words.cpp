// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/config/config.hpp"

namespace tollgate {

std::string_view to_string(Backend value) {
  switch (value) {
    case Backend::automatic:
      return "auto";
    case Backend::nft:
      return "nft";
    case Backend::iptables:
      return "iptables";
  }
  return "auto";
}

std::string_view to_string(MarkPath value) {
  switch (value) {
    case MarkPath::automatic:
      return "auto";
    case MarkPath::conntrack:
      return "conntrack";
    case MarkPath::packet:
      return "packet";
  }
  return "auto";
}

std::string_view to_string(FailMode value) {
  switch (value) {
    case FailMode::open:
      return "open";
    case FailMode::closed:
      return "closed";
  }
  return "closed";
}

std::string_view to_string(InvalidHandling value) {
  switch (value) {
    case InvalidHandling::pass:
      return "pass";
    case InvalidHandling::drop:
      return "drop";
  }
  return "drop";
}

std::string_view to_string(LoopbackHandling value) {
  switch (value) {
    case LoopbackHandling::exempt:
      return "exempt";
    case LoopbackHandling::decide:
      return "decide";
  }
  return "exempt";
}

std::string_view to_string(RulesetHandling value) {
  switch (value) {
    case RulesetHandling::apply:
      return "apply";
    case RulesetHandling::none:
      return "none";
  }
  return "apply";
}

std::string_view to_string(AtStop value) {
  switch (value) {
    case AtStop::remove:
      return "remove";
    case AtStop::keep:
      return "keep";
  }
  return "";
}

}  // namespace tollgate
