// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tollgate/base/ip.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/control/messages.hpp"
#include "tollgate/engine/engine.hpp"
#include "tollgate/policy/policy.hpp"

namespace tollgate {

struct ReplayOptions {
  std::string capture;        // pcap or pcapng; "-" is standard input
  std::vector<Prefix> local;  // what is this machine; empty: the side that sent first is local
  EngineOptions engine;
};

struct ReplaySummary {
  std::uint64_t packets = 0;       // IP packets
  std::uint64_t other_frames = 0;  // frames that carry no IP
  std::uint64_t flows = 0;
  std::map<std::string, std::uint64_t> malformed, verdicts;  // those above 0; verdicts of packets
};
boost::json::value to_json(const ReplaySummary& summary);  // {"summary":{…}}

// Runs the engine over the capture by the capture's own clock. `flow` is called once for every flow,
// when it has left the engine or the capture ends, in order of first packet then id; flows that have
// ended wait for those that began before them, at most max_flows, then the oldest goes ahead. Packets
// that go on after a permanent verdict are counted with their flow without asking the policy, as in
// the kernel. Errors name file and cause; what came before them was reported.
Result<ReplaySummary, std::string> replay(const ReplayOptions& options, PolicyPointer policy,
                                          const std::function<void(const FlowEntry&)>& flow);

}  // namespace tollgate
