// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/control/interface.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <utility>

#include "interface_text.hpp"
#include "tollgate/control/rule_fields.hpp"

namespace tollgate {

namespace {

using Routed = Result<Request, VarlinkReply>;

VarlinkReply invalid_parameter(const std::string& error) {
  // "filter.port: not a …": the standard wants the name; what is wrong with it goes beside it.
  const std::size_t colon = error.find(": ");
  boost::json::object parameters;
  parameters["parameter"] = error.substr(0, colon);
  if (colon != std::string::npos) parameters["message"] = error.substr(colon + 2);
  return error_reply(varlink_error::invalid_parameter, std::move(parameters));
}

template <class Empty>
Routed without_parameters(const boost::json::object& parameters) {
  if (parameters.empty()) return Request{Empty{}};
  return invalid_parameter(std::string{parameters.begin()->key()} + ": no such member");
}

template <class WithFilter>
Routed with_filter(const boost::json::object& parameters) {
  FlowFilter filter;
  for (const auto& member : parameters) {
    if (member.key() != "filter") return invalid_parameter(std::string{member.key()} + ": no such member");
    if (member.value().is_null()) continue;
    Result<FlowFilter, std::string> read = filter_from_json(member.value());
    if (!read) {
      const bool whole = read.error().find(": ") == std::string::npos;
      return invalid_parameter((whole ? "filter: " : "filter.") + read.error());
    }
    filter = std::move(*read);
  }
  return Request{WithFilter{std::move(filter)}};
}

// What changes flows names them: no filter at all means every flow only where that is said.
Routed list_request(const boost::json::object& parameters) {
  boost::json::object rest = parameters;
  const boost::json::value* holders = parameters.if_contains("holders");
  if (holders != nullptr && !holders->is_null() && !holders->is_bool())
    return invalid_parameter("holders: not true or false");
  const bool wanted = holders != nullptr && holders->is_bool() && holders->get_bool();
  rest.erase("holders");
  Routed request = with_filter<request::ListFlows>(rest);
  if (request) std::get<request::ListFlows>(*request).holders = wanted;
  return request;
}

template <class WithFilter>
Routed with_selection(const boost::json::object& parameters) {
  boost::json::object rest = parameters;
  const boost::json::value* all = parameters.if_contains("all");
  if (all != nullptr && !all->is_null() && !all->is_bool())
    return invalid_parameter("all: not true or false");
  const bool every = all != nullptr && all->is_bool() && all->get_bool();
  rest.erase("all");
  Routed request = with_filter<WithFilter>(rest);
  if (!request) return request;
  if (std::get<WithFilter>(*request).filter.empty() != every) {
    return invalid_parameter(every ? "all: goes without a filter"
                                   : "filter: names no flow; for every flow set all");
  }
  return request;
}

Routed explain_request(const boost::json::object& parameters) {
  Result<ExplainRequest, std::string> read = explain_from_json(parameters);
  if (!read) return invalid_parameter(read.error());
  return Request{request::Explain{std::move(*read)}};
}

Routed add_rule_request(const boost::json::object& parameters) {
  constexpr std::int64_t kLongest = 10LL * 365 * 24 * 3600;
  request::AddRule asked;
  const boost::json::object* rule = nullptr;
  for (const auto& member : parameters) {
    if (member.key() == "rule") {
      rule = member.value().if_object();
    } else if (member.key() == "for_seconds") {
      if (member.value().is_null()) continue;
      const std::int64_t* seconds = member.value().if_int64();
      if (seconds == nullptr || *seconds < 1 || *seconds > kLongest)
        return invalid_parameter("for_seconds: not a whole number from 1 to " + std::to_string(kLongest));
      asked.lasts = std::chrono::seconds{*seconds};
    } else {
      return invalid_parameter(std::string{member.key()} + ": no such member");
    }
  }
  if (rule == nullptr) return invalid_parameter("rule: not an object");
  const Result<PolicyText, std::string> fields = rule_fields(*rule);
  if (!fields) return invalid_parameter("rule." + fields.error());
  auto parsed = AddedRule::parse(*fields);
  if (!parsed) return invalid_parameter("rule: " + parsed.error().front().message);
  if (parsed->expires && asked.lasts) return invalid_parameter("for_seconds: goes without rule.expires");
  asked.rule = std::move(*parsed);
  return Request{std::move(asked)};
}

Routed remove_rule_request(const boost::json::object& parameters) {
  for (const auto& member : parameters) {
    if (member.key() != "name") return invalid_parameter(std::string{member.key()} + ": no such member");
  }
  const boost::json::value* name = parameters.if_contains("name");
  if (name == nullptr || !name->is_string()) return invalid_parameter("name: not a string");
  return Request{request::RemoveRule{std::string{name->get_string()}}};
}

Routed description_request(const boost::json::object& parameters) {
  for (const auto& member : parameters) {
    if (member.key() != "interface") return invalid_parameter(std::string{member.key()} + ": no such member");
  }
  const boost::json::value* name = parameters.if_contains("interface");
  if (name == nullptr || !name->is_string()) return invalid_parameter("interface: not a string");
  return Request{request::GetInterfaceDescription{std::string{name->get_string()}}};
}

struct Method {
  std::string_view interface;
  std::string_view name;
  Access access;  // that it needs
  bool more;      // answers with several replies, and only so
  Routed (*read)(const boost::json::object& parameters);
};

constexpr std::array<Method, 12> kMethods{{
    {kServiceInterface, "GetInfo", Access::own_flows, false, &without_parameters<request::GetInfo>},
    {kServiceInterface, "GetInterfaceDescription", Access::own_flows, false, &description_request},
    {kInterface, "Status", Access::everything, false, &without_parameters<request::Status>},
    {kInterface, "ListFlows", Access::own_flows, true, &list_request},
    {kInterface, "WatchFlows", Access::own_flows, true, &with_filter<request::WatchFlows>},
    {kInterface, "Reload", Access::everything, false, &without_parameters<request::Reload>},
    {kInterface, "Explain", Access::everything, false, &explain_request},
    {kInterface, "GetRules", Access::everything, true, &without_parameters<request::GetRules>},
    {kInterface, "AddRule", Access::everything, false, &add_rule_request},
    {kInterface, "RemoveRule", Access::everything, false, &remove_rule_request},
    {kInterface, "Revoke", Access::everything, false, &with_selection<request::Revoke>},
    {kInterface, "Kill", Access::everything, false, &with_selection<request::Kill>},
}};

}  // namespace

std::string_view interface_description(std::string_view interface) {
  if (interface == kServiceInterface) return kServiceText;
  if (interface == kInterface) return kTollgateText;
  return {};
}

Routed route(const VarlinkCall& call, Access access) {
  const std::size_t dot = call.method.rfind('.');
  const std::string interface = call.method.substr(0, dot == std::string::npos ? 0 : dot);
  const std::string name = call.method.substr(dot == std::string::npos ? 0 : dot + 1);
  if (interface_description(interface).empty()) {
    return error_reply(varlink_error::interface_not_found, {{"interface", interface}});
  }
  const auto* method = std::find_if(kMethods.begin(), kMethods.end(), [&](const Method& candidate) {
    return candidate.interface == interface && candidate.name == name;
  });
  if (method == kMethods.end()) return error_reply(varlink_error::method_not_found, {{"method", name}});
  // An ordinary reply would confirm the upgrade.
  if (call.upgrade) return error_reply(varlink_error::method_not_implemented, {{"method", name}});
  if (method->access == Access::everything && access != Access::everything) {
    return error_reply(varlink_error::permission_denied);
  }
  if (method->more && !call.more) return error_reply(varlink_error::expected_more);
  Routed request = method->read(call.parameters);
  // Who holds a socket may be somebody else, and to find out makes work.
  const auto* const list = request ? std::get_if<request::ListFlows>(&*request) : nullptr;
  if (list != nullptr && list->holders && access != Access::everything)
    return error_reply(varlink_error::permission_denied);
  return request;
}

VarlinkReply error_reply(const char* error, boost::json::object parameters) {
  return VarlinkReply{std::move(parameters), false, error};
}

VarlinkReply info_reply(std::string_view version) {
  return VarlinkReply{{{"vendor", "tollgate"},
                       {"product", "tollgated"},
                       {"version", version},
                       {"url", ""},
                       {"interfaces", boost::json::array{kServiceInterface, kInterface}}},
                      false,
                      ""};
}

VarlinkReply description_reply(const std::string& interface) {
  const std::string_view description = interface_description(interface);
  if (description.empty()) return error_reply(varlink_error::interface_not_found, {{"interface", interface}});
  return VarlinkReply{{{"description", description}}, false, ""};
}

VarlinkReply refused_reply(const Diagnostics& why) {
  const std::size_t listed = std::min(why.size(), kMaxDiagnostics);
  boost::json::array diagnostics;
  diagnostics.reserve(listed);
  for (std::size_t i = 0; i < listed; ++i) diagnostics.push_back(to_json(why[i]));
  return error_reply(varlink_error::policy_refused,
                     {{"diagnostics", std::move(diagnostics)}, {"omitted", why.size() - listed}});
}

}  // namespace tollgate
