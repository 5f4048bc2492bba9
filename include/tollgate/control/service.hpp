// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tollgate/base/diagnostic.hpp"
#include "tollgate/control/messages.hpp"

namespace tollgate {

// What the control server asks of the daemon. Called on the loop's thread, never from inside the
// engine. Who may ask what is the server's business, not the service's.
class ControlService {
 public:
  virtual ~ControlService() = default;
  virtual Status status() = 0;
  // Calls `each` for every flow until it returns false.
  virtual void flows(const std::function<bool(const FlowEntry&)>& each) = 0;
  // Empty when the new policy is in force; else why the old one stays.
  virtual Diagnostics reload() = 0;
  virtual Explanation explain(const ExplainRequest& request) = 0;
  // Somebody watches flows (or nobody does any more): until told otherwise, publish changes.
  virtual void watch(bool on) = 0;
};

}  // namespace tollgate
