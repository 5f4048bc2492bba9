// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../../src/linux/suffix_file.hpp"

#include <string>

#include "catch.hpp"
#include "linux/system_sources.hpp"

namespace tollgate {
namespace {

TEST_CASE("what somebody has registered, by this machine's public suffix list") {
  std::string file;
  const auto list = open_suffix_file(file);
  REQUIRE(list.ok());
  const SuffixList& suffixes = **list;
  const std::string domain = "www.shop.example.co.uk";
  const std::string_view found = suffixes.registrable(domain);
  CHECK(found == "example.co.uk");
  CHECK(found.data() == domain.data() + 9);  // a view into what was asked
  CHECK(suffixes.registrable("example.org") == "example.org");
  CHECK(suffixes.registrable("a.b.example.github.io") ==
        "example.github.io");  // a suffix by its owner's wish
  CHECK(suffixes.registrable("www.xn--55qx5d.cn").empty() == false);
  for (const char* none : {"co.uk", "org", "localhost", ""}) {
    CAPTURE(none);
    CHECK(suffixes.registrable(none).empty());
  }
  CHECK(suffixes.registrable(std::string(300, 'a') + ".org").empty());
  CHECK(suffixes.registrable(std::string_view{"a\0.example.org", 14}).empty());
  CHECK_FALSE(suffixes.edition().empty());
  CHECK(suffixes.edition() == (*open_suffix_file(file))->edition());
}

TEST_CASE("the public suffix list is watched like lists once a policy asks for it") {
  SystemSources sources;
  CHECK(sources.lists().empty());
  std::string file;
  REQUIRE(open_suffix_file(file).ok());
  REQUIRE(sources.suffixes().ok());
  CHECK(sources.lists().contains(file) == !file.empty());
}

}  // namespace
}  // namespace tollgate
