// SPDX-License-Identifier: GPL-2.0-or-later
// The interface's text is held to what is really sent: every member, every type.
#include "tollgate/control/interface.hpp"

#include "catch.hpp"
#include "idl.hpp"
#include "samples.hpp"

using namespace tollgate;

namespace {

idl::Interface tollgate_interface() { return idl::Parser{interface_description("io.tollgate")}.parse(); }

void check_type(const boost::json::value& value, const std::string& type) {
  const idl::Interface interface = tollgate_interface();
  INFO(boost::json::serialize(value));
  CHECK(idl::mismatch(value, interface.types.at(type), interface, type) == "");
}

void check_reply(const boost::json::value& value, const std::string& method) {
  const idl::Interface interface = tollgate_interface();
  INFO(boost::json::serialize(value));
  CHECK(idl::mismatch(value, interface.methods.at(method).second, interface, method) == "");
}

void check_types_exist(const idl::Type& type, const idl::Interface& interface) {
  if (type.kind == idl::Type::Kind::named) {
    INFO(type.name);
    CHECK(interface.types.contains(type.name));
  }
  for (const auto& member : type.members) check_types_exist(member.second, interface);
  if (type.of) check_types_exist(*type.of, interface);
}

}  // namespace

TEST_CASE("the interface texts are in the language, and name only types that they define") {
  for (std::string_view name : {"org.varlink.service", "io.tollgate"}) {
    const idl::Interface interface = idl::Parser{interface_description(name)}.parse();
    CHECK(interface.name == name);
    for (const auto& [_, type] : interface.types) check_types_exist(type, interface);
    for (const auto& [_, type] : interface.errors) check_types_exist(type, interface);
    for (const auto& [_, method] : interface.methods) {
      check_types_exist(method.first, interface);
      check_types_exist(method.second, interface);
    }
  }
  CHECK(interface_description("io.tollgat").empty());
  CHECK(interface_description("").empty());
}

TEST_CASE("what is sent is what the interface says") {
  check_type(to_json(samples::flow()), "Flow");
  check_type(to_json(FlowEntry{samples::pending_flow()}), "Flow");
  check_type(to_json(FlowFilter{}), "Filter");
  check_type(to_json(samples::filter()), "Filter");
  check_type(to_json(Diagnostic{"a.toml", 3, 4, "no"}), "Diagnostic");
  check_type(to_json(RuleEntry{"web", "a.toml", 3, "accept", "link", "file", {}, {}}), "Rule");
  check_reply(to_json(samples::status()), "Status");
  check_reply(to_json(samples::explanation()), "Explain");
  check_reply(to_json(samples::counts()), "Revoke");
  check_reply(to_json(samples::counts()), "Kill");
  check_reply(to_json(FlowEvent{"opened", samples::flow()}), "WatchFlows");
  check_type(to_json(RuleEntry{"web", "a.toml", 3, "accept", "link", "added", 1.5, 7}), "Rule");
  check_reply({{"policy", to_json(samples::status()).at("policy")}}, "Reload");
  check_reply({{"policy", to_json(samples::status()).at("policy")}}, "RemoveRule");
  check_reply({{"name", "added-1"}, {"policy", to_json(samples::status()).at("policy")}}, "AddRule");

  const idl::Interface interface = tollgate_interface();
  CHECK(idl::mismatch(to_json(samples::explain_request()), interface.methods.at("Explain").first,
                      interface) == "");
  CHECK(idl::mismatch(refused_reply({{"a", 1, 2, "b"}}).parameters, interface.errors.at("PolicyRefused"),
                      interface) == "");
}

TEST_CASE("every method that the texts promise is routed, and only those") {
  for (std::string_view name : {"org.varlink.service", "io.tollgate"}) {
    const idl::Interface interface = idl::Parser{interface_description(name)}.parse();
    for (const auto& [method, _] : interface.methods) {
      VarlinkCall call;
      call.method = std::string{name} + "." + method;
      call.more = true;
      const Result<Request, VarlinkReply> routed = route(call, Access::everything);
      INFO(call.method);
      // Without its parameters a call may be refused, but never as unknown.
      if (!routed) CHECK(routed.error().error == varlink_error::invalid_parameter);
    }
  }
}

TEST_CASE("GetInfo has the members of the standard") {
  const idl::Interface interface = idl::Parser{interface_description("org.varlink.service")}.parse();
  const VarlinkReply reply = info_reply("1.2.3");
  CHECK(idl::mismatch(reply.parameters, interface.methods.at("GetInfo").second, interface) == "");
  CHECK(reply.parameters.at("version") == "1.2.3");
}

TEST_CASE("routing: errors in their order") {
  struct Case {
    const char* call;
    Access access;
    const char* error;  // "" for routed
    const char* parameters;
  };
  const Case cases[] = {
      {R"({"method":"Status"})", Access::everything, varlink_error::interface_not_found,
       R"({"interface":""})"},
      {R"({"method":"com.example.Foo"})", Access::everything, varlink_error::interface_not_found,
       R"({"interface":"com.example"})"},
      {R"({"method":"io.tollgate.Foo"})", Access::own_flows, varlink_error::method_not_found,
       R"({"method":"Foo"})"},
      {R"({"method":"io.tollgate.Status"})", Access::own_flows, varlink_error::permission_denied, "{}"},
      {R"({"method":"io.tollgate.Status"})", Access::everything, "", ""},
      {R"({"method":"io.tollgate.Reload"})", Access::own_flows, varlink_error::permission_denied, "{}"},
      {R"({"method":"io.tollgate.Explain"})", Access::own_flows, varlink_error::permission_denied, "{}"},
      {R"({"method":"io.tollgate.GetRules","more":true})", Access::own_flows,
       varlink_error::permission_denied, "{}"},
      {R"({"method":"io.tollgate.GetRules"})", Access::everything, varlink_error::expected_more, "{}"},
      {R"({"method":"io.tollgate.AddRule","parameters":{"rule":{"verdict":"drop"}}})", Access::own_flows,
       varlink_error::permission_denied, "{}"},
      {R"({"method":"io.tollgate.AddRule","parameters":{"rule":{"verdict":"drop"},"for_seconds":60}})",
       Access::everything, "", ""},
      {R"({"method":"io.tollgate.AddRule","parameters":{}})", Access::everything,
       varlink_error::invalid_parameter, R"({"parameter":"rule","message":"not an object"})"},
      {R"({"method":"io.tollgate.AddRule","parameters":{"rule":{"port":[443,1.5]}}})", Access::everything,
       varlink_error::invalid_parameter,
       R"({"parameter":"rule.port[1]","message":"neither a string, a whole number, true, false, nor an array of these"})"},
      {R"({"method":"io.tollgate.AddRule","parameters":{"rule":{"expires":"tomorrow"}}})", Access::everything,
       varlink_error::invalid_parameter,
       R"({"parameter":"rule.expires","message":"not a string like 2030-01-31T18:00:00Z"})"},
      {R"({"method":"io.tollgate.AddRule","parameters":{"rule":{"expires":"2030-01-01T00:00:00Z"},"for_seconds":1}})",
       Access::everything, varlink_error::invalid_parameter,
       R"({"parameter":"for_seconds","message":"goes without rule.expires"})"},
      {R"({"method":"io.tollgate.AddRule","parameters":{"rule":{},"for_seconds":0}})", Access::everything,
       varlink_error::invalid_parameter,
       R"({"parameter":"for_seconds","message":"not a whole number from 1 to 315360000"})"},
      {R"({"method":"io.tollgate.RemoveRule","parameters":{"name":7}})", Access::everything,
       varlink_error::invalid_parameter, R"({"parameter":"name","message":"not a string"})"},
      {R"({"method":"io.tollgate.RemoveRule","parameters":{"name":"a"}})", Access::everything, "", ""},
      {R"({"method":"io.tollgate.ListFlows"})", Access::own_flows, varlink_error::expected_more, "{}"},
      {R"({"method":"io.tollgate.ListFlows","more":true})", Access::own_flows, "", ""},
      {R"({"method":"io.tollgate.WatchFlows"})", Access::own_flows, varlink_error::expected_more, "{}"},
      {R"({"method":"io.tollgate.WatchFlows","more":true,"parameters":{"filter":null}})", Access::own_flows,
       "", ""},
      {R"({"method":"io.tollgate.ListFlows","more":true,"parameters":{"holders":true}})", Access::everything,
       "", ""},
      {R"({"method":"io.tollgate.ListFlows","more":true,"parameters":{"holders":false}})", Access::own_flows,
       "", ""},
      {R"({"method":"io.tollgate.ListFlows","more":true,"parameters":{"holders":true}})", Access::own_flows,
       varlink_error::permission_denied, "{}"},
      {R"({"method":"io.tollgate.ListFlows","more":true,"parameters":{"holders":1}})", Access::everything,
       varlink_error::invalid_parameter, R"({"parameter":"holders","message":"not true or false"})"},
      {R"({"method":"io.tollgate.ListFlows","more":true,"parameters":{"filter":{"port":70000}}})",
       Access::own_flows, varlink_error::invalid_parameter,
       R"({"parameter":"filter.port","message":"not a whole number from 0 to 65535"})"},
      {R"({"method":"io.tollgate.ListFlows","more":true,"parameters":{"filter":7}})", Access::own_flows,
       varlink_error::invalid_parameter, R"({"parameter":"filter","message":"not an object"})"},
      {R"({"method":"io.tollgate.ListFlows","more":true,"parameters":{"port":7}})", Access::own_flows,
       varlink_error::invalid_parameter, R"({"parameter":"port","message":"no such member"})"},
      {R"({"method":"io.tollgate.Status","parameters":{"x":1}})", Access::everything,
       varlink_error::invalid_parameter, R"({"parameter":"x","message":"no such member"})"},
      {R"({"method":"io.tollgate.Status","upgrade":true})", Access::everything,
       varlink_error::method_not_implemented, R"({"method":"Status"})"},
      {R"({"method":"io.tollgate.Kill","parameters":{"filter":{"ids":[7]}}})", Access::own_flows,
       varlink_error::permission_denied, "{}"},
      {R"({"method":"io.tollgate.Revoke","parameters":{"all":true}})", Access::own_flows,
       varlink_error::permission_denied, "{}"},
      {R"({"method":"io.tollgate.Kill","parameters":{"filter":{"ids":[7]}}})", Access::everything, "", ""},
      {R"({"method":"io.tollgate.Kill","parameters":{"all":true}})", Access::everything, "", ""},
      {R"({"method":"io.tollgate.Revoke","parameters":{"all":true,"filter":null}})", Access::everything, "",
       ""},
      {R"({"method":"io.tollgate.Kill"})", Access::everything, varlink_error::invalid_parameter,
       R"({"parameter":"filter","message":"names no flow; for every flow set all"})"},
      {R"({"method":"io.tollgate.Kill","parameters":{"filter":{},"all":false}})", Access::everything,
       varlink_error::invalid_parameter,
       R"({"parameter":"filter","message":"names no flow; for every flow set all"})"},
      {R"({"method":"io.tollgate.Revoke","parameters":{"filter":{"ids":[7]},"all":true}})",
       Access::everything, varlink_error::invalid_parameter,
       R"({"parameter":"all","message":"goes without a filter"})"},
      {R"({"method":"io.tollgate.Revoke","parameters":{"all":1}})", Access::everything,
       varlink_error::invalid_parameter, R"({"parameter":"all","message":"not true or false"})"},
      {R"({"method":"io.tollgate.Revoke","parameters":{"filter":{"destination":"10.0.0.1/8"}}})",
       Access::everything, varlink_error::invalid_parameter,
       R"({"parameter":"filter.destination","message":"not an address, nor a network like 10.0.0.0/8 without )"
       R"(host bits"})"},
      {R"({"method":"org.varlink.service.GetInterfaceDescription"})", Access::own_flows,
       varlink_error::invalid_parameter, R"({"parameter":"interface","message":"not a string"})"},
  };
  for (const Case& one : cases) {
    INFO(one.call);
    const auto call = parse_call(one.call);
    REQUIRE(call);
    const Result<Request, VarlinkReply> routed = route(*call, one.access);
    CHECK(routed.ok() == (std::string_view{one.error}.empty()));
    if (routed) continue;
    CHECK(routed.error().error == one.error);
    CHECK(boost::json::serialize(routed.error().parameters) == one.parameters);
  }
}

TEST_CASE("a policy with very many errors is refused in a bounded reply") {
  const Diagnostics many(kMaxDiagnostics + 7, Diagnostic{"a.toml", 1, 1, "no"});
  const VarlinkReply reply = refused_reply(many);
  CHECK(reply.error == varlink_error::policy_refused);
  CHECK(reply.parameters.at("diagnostics").as_array().size() == kMaxDiagnostics);
  CHECK(reply.parameters.at("omitted").to_number<int>() == 7);
}
