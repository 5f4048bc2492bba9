// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tollgate/base/ids.hpp"
#include "tollgate/base/known.hpp"
#include "tollgate/base/time.hpp"
#include "tollgate/flow/five_tuple.hpp"
#include "tollgate/flow/verdict.hpp"
#include "tollgate/inspect/findings.hpp"
#include "tollgate/names/name_source.hpp"
#include "tollgate/process/process.hpp"

namespace tollgate {

// One decision, for the log. Owns what it says: it outlives flow and policy.
struct Record {
  Time time{};
  FlowId flow;      // 0: no flow (packet by packet, unparsed)
  FiveTuple tuple;  // default when unparsed
  Direction direction = Direction::outbound;
  Verdict verdict = Verdict::accept;
  // A decision taken again says what made it, and what was in force before it.
  Cause cause = Cause::none;
  std::optional<Verdict> old_verdict;
  std::string old_rule;  // name; empty when none had decided
  Reason reason = Reason::rule;
  Stage stage = Stage::none;
  std::string rule;  // name; empty when none decided
  Generation generation;
  std::string interface;  // empty when not known
  Known<std::uint32_t> uid;
  Known<std::uint32_t> gid;
  ProcessPointer process;  // whose it is; nullptr when that is not known
  std::string domain;      // for whom it was meant, canonical; "" when that is not known
  std::optional<NameSource> domain_source;
  std::shared_ptr<const Findings> findings;  // what its first bytes said; null when nobody looked
  std::uint32_t inspected = 0;  // packets that came up until its first bytes had told; 0: not asked
  std::string detail;           // for unparsed: the parse error; else empty
};

// A line for people, readable on its own:
// "permanent-block outbound tcp 10.0.0.1:4711 > 10.0.0.2:80 (www.example.org) eth0 uid 1000, rule \"no web\"
// (link)", and when it was decided again ", was permanent-accept by rule \"web\" (policy)".
std::string to_line(const Record& record);
// Journal fields (systemd.journal-fields(7)): TOLLGATE_VERDICT, TOLLGATE_RULE, TOLLGATE_STAGE,
// TOLLGATE_REASON, TOLLGATE_DIRECTION, TOLLGATE_PROTOCOL, TOLLGATE_SOURCE, TOLLGATE_SOURCE_PORT,
// TOLLGATE_DESTINATION, TOLLGATE_DESTINATION_PORT, TOLLGATE_INTERFACE, TOLLGATE_UID, TOLLGATE_GID,
// TOLLGATE_FLOW, TOLLGATE_GENERATION, TOLLGATE_DETAIL; of a decision taken again TOLLGATE_CAUSE,
// TOLLGATE_OLD_VERDICT, TOLLGATE_OLD_RULE; of its process TOLLGATE_PROCESS (path), TOLLGATE_PID,
// TOLLGATE_COMMAND, TOLLGATE_PARENT (path of the nearest), TOLLGATE_SCRIPT, TOLLGATE_CGROUP, TOLLGATE_UNIT,
// TOLLGATE_SLICE, TOLLGATE_SESSION, TOLLGATE_CONTAINER, TOLLGATE_APP, TOLLGATE_PROCESS_SOURCE; of whom it was
// meant for TOLLGATE_DOMAIN, TOLLGATE_DOMAIN_SOURCE; of what it said TOLLGATE_SNI, TOLLGATE_ALPN (with
// commas), TOLLGATE_PROTOCOL_SEEN, TOLLGATE_ENCRYPTED ("true", "false"),
// TOLLGATE_INSPECTED (packets); for ICMP instead of the ports
// TOLLGATE_ICMP_TYPE, TOLLGATE_ICMP_CODE, TOLLGATE_ICMP_ID. Those that do not apply are left out.
std::vector<std::pair<std::string_view, std::string>> to_fields(const Record& record);

// Lets `burst` records through at once and `rate` a second on average; counts the rest. When
// records flow again the caller says how many were suppressed since.
class RecordLimiter {
 public:
  RecordLimiter(std::uint32_t rate, std::uint32_t burst);
  bool admit(Time now);             // a time before the last one adds nothing
  std::uint64_t take_suppressed();  // since the last call
  std::uint64_t suppressed_total() const { return total_; }

 private:
  double rate_, burst_, tokens_;
  Time last_{};
  std::uint64_t suppressed_ = 0, total_ = 0;
};

}  // namespace tollgate
