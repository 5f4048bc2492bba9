// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/config/config.hpp"

namespace tollgate {

std::string_view to_string(ProcessLookup value) {
  switch (value) {
    case ProcessLookup::automatic:
      return "auto";
    case ProcessLookup::proc:
      return "proc";
    case ProcessLookup::off:
      return "off";
  }
  return "auto";
}

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

std::string_view to_string(FlowHandling value) {
  switch (value) {
    case FlowHandling::packet:
      return "packet";
    case FlowHandling::flow:
      return "flow";
  }
  return "";
}

std::string_view to_string(IcmpErrors value) {
  switch (value) {
    case IcmpErrors::follow:
      return "follow";
    case IcmpErrors::decide:
      return "decide";
  }
  return "";
}

std::string_view to_string(RelatedHandling value) {
  switch (value) {
    case RelatedHandling::inherit:
      return "inherit";
    case RelatedHandling::decide:
      return "decide";
  }
  return "";
}

std::string_view to_string(ArrivalInterface value) {
  switch (value) {
    case ArrivalInterface::ignore:
      return "ignore";
    case ArrivalInterface::reauthorize:
      return "reauthorize";
  }
  return "";
}

std::string_view to_string(MulticastAnswers value) {
  switch (value) {
    case MulticastAnswers::window:
      return "window";
    case MulticastAnswers::decide:
      return "decide";
  }
  return "";
}

std::string_view to_string(TcpEnds value) {
  switch (value) {
    case TcpEnds::nflog:
      return "nflog";
    case TcpEnds::conntrack:
      return "conntrack";
  }
  return "";
}

std::string_view to_string(AskAgain value) {
  switch (value) {
    case AskAgain::keep:
      return "keep";
    case AskAgain::block:
      return "block";
  }
  return "";
}

}  // namespace tollgate
