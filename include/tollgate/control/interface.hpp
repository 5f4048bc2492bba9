// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "tollgate/control/messages.hpp"
#include "tollgate/control/varlink.hpp"
#include "tollgate/policy/added_rules.hpp"

// What the daemon can be asked, and who may ask it.
namespace tollgate {

inline constexpr std::string_view kServiceInterface = "org.varlink.service";
inline constexpr std::string_view kInterface = "io.tollgate";

// The interface's text in Varlink's definition language; empty when there is no such interface.
std::string_view interface_description(std::string_view interface);

namespace request {
struct GetInfo {};
struct GetInterfaceDescription {
  std::string interface;
};
struct Status {};
struct ListFlows {
  FlowFilter filter;
  bool holders = false;  // who holds their sockets has to be looked up
};
struct WatchFlows {
  FlowFilter filter;
};
struct Reload {};
struct Explain {
  ExplainRequest flow;
};
struct GetRules {};
struct AddRule {
  AddedRule rule;  // without a name, perhaps
  std::optional<Duration> lasts;
};
struct RemoveRule {
  std::string name;
};
struct Revoke {
  FlowFilter filter;
};
struct Kill {
  FlowFilter filter;
};
}  // namespace request

using Request =
    std::variant<request::GetInfo, request::GetInterfaceDescription, request::Status, request::ListFlows,
                 request::WatchFlows, request::Reload, request::Explain, request::GetRules, request::AddRule,
                 request::RemoveRule, request::Revoke, request::Kill>;

// everything: root, the daemon's own user, members of the group. own_flows: everybody else.
enum class Access : std::uint8_t { own_flows, everything };

// A call as a request, or the error to answer it with: unknown names first, then what the caller
// may not ask, then its parameters. Pure.
Result<Request, VarlinkReply> route(const VarlinkCall& call, Access access);

VarlinkReply error_reply(const char* error, boost::json::object parameters = {});
VarlinkReply info_reply(std::string_view version);
VarlinkReply description_reply(const std::string& interface);
// At most kMaxDiagnostics of them; the rest is counted in `omitted`.
inline constexpr std::size_t kMaxDiagnostics = 1000;
VarlinkReply refused_reply(const Diagnostics& why);

}  // namespace tollgate
