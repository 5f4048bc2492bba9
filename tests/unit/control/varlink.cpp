// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/control/varlink.hpp"

#include <boost/json.hpp>
#include <vector>

#include "catch.hpp"

using namespace tollgate;
using namespace std::string_literals;

namespace {

std::vector<std::string> messages(VarlinkFramer& framer) {
  std::vector<std::string> out;
  while (const auto message = framer.next()) out.emplace_back(*message);
  return out;
}

}  // namespace

TEST_CASE("messages come out whole, however the bytes came in") {
  const std::string stream = "one\0two\0\0three"s;
  for (std::size_t chunk = 1; chunk <= stream.size(); ++chunk) {
    VarlinkFramer framer;
    std::vector<std::string> got;
    for (std::size_t at = 0; at < stream.size(); at += chunk) {
      framer.append(std::string_view{stream}.substr(at, chunk));
      for (std::string& message : messages(framer)) got.push_back(std::move(message));
    }
    INFO(chunk);
    CHECK(got == std::vector<std::string>{"one", "two", ""});
    CHECK(framer.waiting() == 5);
    CHECK_FALSE(framer.too_long());
  }
}

TEST_CASE("a message may be as long as the limit and no longer, with and without its end") {
  for (const bool ended : {true, false}) {
    VarlinkFramer framer{8};
    framer.append("12345678\0"s);
    CHECK(messages(framer) == std::vector<std::string>{"12345678"});
    framer.append("ok\0"s + "123456789" + (ended ? "\0x\0"s : ""s));
    CHECK(messages(framer) == std::vector<std::string>{"ok"});
    CHECK(framer.too_long());
    framer.append("x\0"s);
    CHECK(messages(framer).empty());
  }
}

TEST_CASE("a call as text and back") {
  const auto call =
      parse_call(R"({"method":"a.b.C","parameters":{"x":1},"more":true,"org.example":{"y":2}})");
  REQUIRE(call);
  CHECK(call->method == "a.b.C");
  CHECK(call->more);
  CHECK_FALSE(call->oneway);
  CHECK(boost::json::serialize(call->parameters) == R"({"x":1})");
  CHECK(serialize(*call) == R"({"method":"a.b.C","parameters":{"x":1},"more":true})"s + '\0');

  const auto plain = parse_call(R"({"method":"a.b.C","parameters":null,"oneway":null})");
  REQUIRE(plain);
  CHECK(serialize(*plain) == R"({"method":"a.b.C"})"s + '\0');
}

TEST_CASE("a call that cannot be read says why") {
  struct Case {
    const char* text;
    const char* error;
  };
  const std::string deep = R"({"method":"a.B","parameters":)" + std::string(100, '[') + "}";
  const Case cases[] = {
      {"", "not JSON"},
      {"{", "not JSON"},
      {R"({"method":"a.B"} x)", "not JSON"},
      {"{\"method\":\"\xff\"}", "not JSON"},
      {R"({"method":"a.B","parameters":{"a":[1e999]}})", "a number is too large"},
      {deep.c_str(), "not JSON"},
      {"[]", "not an object"},
      {"{}", "member \"method\" is missing"},
      {R"({"method":7})", "member \"method\" is not a string"},
      {R"({"method":"a.B","parameters":[]})", "member \"parameters\" is not an object"},
      {R"({"method":"a.B","more":1})", "member \"more\" is not a boolean"},
      {R"({"method":"a.B","foo":1})", "member \"foo\" is unknown"},
      {R"({"method":"a.B","more":true,"oneway":true})", "more than one of oneway, more, upgrade"},
      {R"({"method":"a.B","more":true,"upgrade":true})", "more than one of oneway, more, upgrade"},
  };
  for (const Case& one : cases) {
    INFO(one.text);
    const auto call = parse_call(one.text);
    REQUIRE_FALSE(call);
    CHECK(call.error() == one.error);
  }
}

TEST_CASE("a reply as text and back") {
  const VarlinkReply reply{{{"x", 1}}, true, ""};
  CHECK(serialize(reply) == R"({"parameters":{"x":1},"continues":true})"s + '\0');
  const VarlinkReply error{{}, false, varlink_error::expected_more};
  CHECK(serialize(error) == R"({"error":"org.varlink.service.ExpectedMore","parameters":{}})"s + '\0');

  const auto read = parse_reply(R"({"error":"a.B","parameters":{"y":2}})");
  REQUIRE(read);
  CHECK(read->error == "a.B");
  CHECK_FALSE(read->continues);
  CHECK(boost::json::serialize(read->parameters) == R"({"y":2})");
  CHECK_FALSE(parse_reply(R"({"continues":1})"));
}
