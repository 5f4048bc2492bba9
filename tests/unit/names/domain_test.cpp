// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/names/domain.hpp"

#include <string>

#include "catch.hpp"

namespace tollgate {
namespace {

TEST_CASE("a domain has one canonical form") {
  CHECK(canonical_domain("Example.ORG.") == "example.org");
  CHECK(canonical_domain("_443._tcp.x-1.example") == "_443._tcp.x-1.example");
  CHECK(canonical_domain("localhost") == "localhost");
  CHECK(canonical_domain("xn--BCHER-kva.example") == "xn--bcher-kva.example");
  CHECK(canonical_domain("1.example") == "1.example");
  CHECK(canonical_domain("10.0.0.1.x") == "10.0.0.1.x");
}

TEST_CASE("letters of other languages become IDNA, whatever their case and composition") {
  CHECK(canonical_domain("bücher.example") == "xn--bcher-kva.example");
  CHECK(canonical_domain("BÜCHER.Example.") == "xn--bcher-kva.example");
  CHECK(canonical_domain("bu\u0308cher.example") == "xn--bcher-kva.example");
  CHECK(canonical_domain("straße.example") == "xn--strae-oqa.example");  // non-transitional: not "strasse"
  CHECK(canonical_domain("食狮.公司.cn") == "xn--85x722f.xn--55qx5d.cn");
  CHECK(canonical_domain("食狮。cn") == "xn--85x722f.cn");  // the full stop of that script
}

TEST_CASE("what is no domain has no canonical form") {
  for (const char* text : {"", ".", "..", "a..b", ".a", "a.b..", "a b", "a/b", "*.a", "a*", "10.0.0.1", "a.1",
                           "12", "a:b", "[::1]", "a\tb", "\xff.example", "ü b.example", "a,b"}) {
    CAPTURE(text);
    CHECK_FALSE(canonical_domain(text).has_value());
  }
  CHECK_FALSE(canonical_domain(std::string_view{"ü\0a", 4}).has_value());
  CHECK_FALSE(canonical_domain(std::string_view{"a\0b", 3}).has_value());
}

TEST_CASE("labels have at most 63 bytes, names 253") {
  const std::string longest(63, 'a');
  CHECK(canonical_domain(longest + ".x").has_value());
  CHECK_FALSE(canonical_domain(longest + "a.x").has_value());
  const std::string name = longest + '.' + longest + '.' + longest + '.' + std::string(61, 'b');
  REQUIRE(name.size() == kMaxDomain);
  CHECK(canonical_domain(name + '.') == name);
  CHECK_FALSE(canonical_domain(name + 'b').has_value());
}

}  // namespace
}  // namespace tollgate
