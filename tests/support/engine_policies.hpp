// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>

#include "memory_sources.hpp"
#include "tollgate/engine/decide.hpp"

// What the scenarios, the simulators and the fuzzer of the engine decide by.
namespace tollgate::test {

// The product has no asking rules yet, but its engine can hold packets for them: a rule whose name begins
// with "ask" waits for an answer.
inline Decision decide_or_ask(const Policy& policy, const Evidence& seen) {
  const Decision decision = decide(policy, seen);
  const Decided* decided = std::get_if<Decided>(&decision);
  const bool asks = decided != nullptr && decided->reason == Reason::rule &&
                    policy.rules()[decided->rule].name.starts_with("ask");
  return asks ? Decision{Waits{decided->rule}} : decision;
}

// Policies that have something of everything, and that differ in every layer.
inline constexpr const char* kEnginePolicies[] = {
    R"([default]
outbound = "permanent-accept"
inbound = "permanent-block"
[[rule]]
name = "ask"
port = ["tcp/443", "udp/443"]
verdict = "accept"
[[rule]]
name = "by program"
process = "/usr/bin/curl"
port = "udp/53"
verdict = "permanent-drop"
[[rule]]
name = "server"
direction = "inbound"
protocol = ["tcp", "udp"]
port = "2000-2010"
peers = "any"
verdict = "permanent-accept"
[[rule]]
name = "refused"
port = 25
verdict = "permanent-block"
)",
    R"([default]
outbound = "permanent-drop"
inbound = "permanent-block"
[[rule]]
name = "temporary"
direction = "outbound"
port = "tcp/80"
verdict = "accept"
[[rule]]
name = "resolver"
direction = "outbound"
port = 53
verdict = "reroute-nameserver"
[[rule]]
name = "torrent"
direction = ["outbound", "inbound"]
protocol = "udp"
peers = "any"
verdict = "permanent-accept"
)",
    R"([default]
outbound = "permanent-block"
inbound = "accept"
[[rule]]
name = "ask"
port = "tcp/80"
verdict = "accept"
[[rule]]
name = "ask again"
reauthorize = true
port = "udp/1-1023"
verdict = "accept"
[[rule]]
name = "elsewhere"
direction = "outbound"
port = "tcp/9999"
verdict = "reroute-nameserver"
[[rule]]
name = "six"
address = "2001:db8::/32"
verdict = "permanent-accept"
)",
    R"([default]
outbound = "permanent-accept"
inbound = "permanent-block"
[[rule]]
name = "not to b"
sni = "b.example"
verdict = "permanent-block"
[[rule]]
name = "not in clear"
direction = ["outbound", "inbound"]
port = [80, 443]
encrypted = true
verdict = "permanent-accept"
[[rule]]
name = "ask about the web"
protocol_seen = "http"
verdict = "accept"
[[rule]]
name = "by program"
process = "/usr/bin/curl"
verdict = "permanent-accept"
[[rule]]
name = "again and again"
port = 25
protocol_seen = "tls"
verdict = "accept"
[[rule]]
name = "quietly"
port = 25
encrypted = false
verdict = "drop"
)",
};

inline constexpr std::size_t kEnginePolicyCount = std::size(kEnginePolicies);

inline PolicyPointer engine_policy(std::size_t which) {
  static const auto all = [] {
    std::array<PolicyPointer, kEnginePolicyCount> loaded;
    for (std::size_t i = 0; i < loaded.size(); ++i)
      loaded[i] = load_text(kEnginePolicies[i], {true, true, true, true}).value();
    return loaded;
  }();
  return all.at(which);
}

}  // namespace tollgate::test
