// SPDX-License-Identifier: GPL-2.0-or-later
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "catch.hpp"
#include "tollgate/base/counters.hpp"
#include "tollgate/base/diagnostic.hpp"
#include "tollgate/base/ids.hpp"
#include "tollgate/base/known.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/base/time.hpp"

namespace tollgate {
namespace {

enum class Colour { red, green, count_ };

TEST_CASE("each value of an enum has a counter") {
  EnumCounters<Colour> counters;
  CHECK(counters.kSize == 2);
  CHECK(counters.total() == 0);
  counters.add(Colour::green);
  counters.add(Colour::green, 3);
  counters.add(Colour::red);
  CHECK(counters[Colour::red] == 1);
  CHECK(counters[Colour::green] == 4);
  CHECK(counters.total() == 5);
}

TEST_CASE("a field is known, empty or awaited") {
  const Known<int> empty;
  const Known<int> awaited = Known<int>::awaited();
  const Known<int> known{0};
  CHECK((empty.is_empty() && !empty.is_known() && !empty.is_awaited()));
  CHECK((awaited.is_awaited() && !awaited.is_known() && !awaited.is_empty()));
  CHECK((known.is_known() && !known.is_empty() && !known.is_awaited()));
  CHECK(*known == 0);
  CHECK(Known<std::string> { "four" } -> size() == 4);
}

TEST_CASE("fields are equal when they know the same") {
  CHECK(Known<int>{1} == Known<int>{1});
  CHECK_FALSE(Known<int>{1} == Known<int>{2});
  CHECK_FALSE(Known<int>{0} == Known<int>{});
  CHECK_FALSE(Known<int>{} == Known<int>::awaited());
  CHECK(Known<int>::awaited() == Known<int>::awaited());
}

TEST_CASE("a result is a value or an error") {
  const Result<int, std::string> value = 7;
  CHECK(value.ok());
  CHECK(static_cast<bool>(value));
  CHECK(*value == 7);
  CHECK(value.value() == 7);
  const Result<int, std::string> error = std::string{"no"};
  CHECK_FALSE(error.ok());
  CHECK(error.error() == "no");

  Result<std::string, int> text = std::string{"four"};
  *text += '!';
  CHECK(text->size() == 5);
  CHECK(Result<std::string, int>{3}.error() == 3);
  CHECK(*Result<std::string, int>{std::in_place, 3U, 'x'} == "xxx");
}

TEST_CASE("a result holds what can only be moved") {
  Result<std::unique_ptr<int>, std::string> owner = std::make_unique<int>(7);
  REQUIRE(owner.ok());
  const std::unique_ptr<int> taken = std::move(*owner);
  CHECK(*taken == 7);
}

TEST_CASE("a diagnostic is printed without what is 0") {
  CHECK(Diagnostic{"a.toml", 3, 7, "unknown key"}.to_string() == "a.toml:3:7: unknown key");
  CHECK(Diagnostic{"a.toml", 3, 0, "unknown key"}.to_string() == "a.toml:3: unknown key");
  CHECK(Diagnostic{"a.toml", 0, 0, "cannot be read"}.to_string() == "a.toml: cannot be read");
  CHECK(Diagnostic{"", 3, 7, "unknown key"}.to_string() == "3:7: unknown key");
  CHECK(Diagnostic{"", 0, 0, "nothing"}.to_string() == "nothing");
  CHECK(Diagnostic{"a", 1, 2, "b"} == Diagnostic{"a", 1, 2, "b"});
}

TEST_CASE("ids are compared by all they have") {
  CHECK(FlowId{1} < FlowId{2});
  CHECK(PacketId{1, 9} < PacketId{2, 1});
  CHECK(PacketId{1, 1} != PacketId{1, 2});
  CHECK(Generation{} < Generation{1});
}

TEST_CASE("time counts from the Unix epoch") {
  const Time time{std::chrono::milliseconds{1500}};
  CHECK(unix_nanoseconds(time) == 1'500'000'000);
  CHECK(unix_seconds(time) == 1.5);
}

}  // namespace
}  // namespace tollgate
