// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "page.hpp"
#include "tollgate/control/messages.hpp"
#include "tollgate/replay/replay.hpp"

namespace tollgate::cli {

// A list of flows on its way out, one by one.
class FlowList {
 public:
  virtual ~FlowList() = default;
  virtual void add(const FlowEntry& flow) = 0;
  virtual void finish() = 0;
};

// What was checked and what was found.
struct CheckedFile {
  std::string kind;  // "configuration", "policy"
  std::string path;
  std::string contents;  // "17 rules, 2 lists"; "" when it has errors
};
struct CheckResult {
  std::vector<CheckedFile> files;
  Diagnostics diagnostics;
  Diagnostics skipped;  // lines of lists that may be
};

// All that commands say, once for people and once for programs.
struct Output {
  void (*status)(Page& page, const Status& status);
  // `holders`: with all who hold their sockets.
  std::unique_ptr<FlowList> (*flows)(Page& page, bool holders);
  // Counted by "process", "unit" or "container".
  std::unique_ptr<FlowList> (*flows_by)(Page& page, const std::string& what);
  void (*change)(Page& page, const FlowEvent& event);
  void (*revoked)(Page& page, const ActionCounts& counts);
  void (*killed)(Page& page, const ActionCounts& counts);
  void (*rules)(Page& page, const std::vector<RuleEntry>& rules);
  void (*rule_added)(Page& page, const std::string& name, const Status::PolicyState& policy);
  void (*rule_removed)(Page& page, const std::string& name, const Status::PolicyState& policy);
  void (*reloaded)(Page& page, const Status::PolicyState& policy);
  void (*refused)(Page& page, const Diagnostics& diagnostics, std::uint64_t omitted);
  void (*explanation)(Page& page, const ExplainRequest& request, const Explanation& explanation);
  void (*checked)(Page& page, const CheckResult& result);
  std::unique_ptr<FlowList> (*replayed)(Page& page);
  void (*summary)(Page& page, const ReplaySummary& summary);
};

extern const Output kTextOutput;
extern const Output kJsonOutput;

inline const Output& output(bool json) { return json ? kJsonOutput : kTextOutput; }

}  // namespace tollgate::cli
