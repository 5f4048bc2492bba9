// SPDX-License-Identifier: GPL-2.0-or-later
// Rules that speak of names. What is refused: golden/domains.toml.
#include "catch.hpp"
#include "memory_sources.hpp"

namespace tollgate {
namespace {

Evidence flow(std::string_view domain, NameSource source = NameSource::dns) {
  Evidence seen;
  seen.tuple.destination = IpAddress::v4({192, 0, 2, 1}).bytes();
  seen.tuple.destination_port = 443;
  if (!domain.empty()) seen.domain = domain;
  seen.domain_source = source;
  return seen;
}

PolicyPointer policy_of(MemorySources& sources, const std::string& text) {
  sources.files["policy.toml"] = text;
  auto policy = load_policy("policy.toml", {true, true, true, true}, sources);
  if (!policy) FAIL(policy.error().front().to_string());
  return *policy;
}

// The first rule's answer; both ways give the same.
Match answer(const std::string& fields, const Evidence& seen, const std::string& list = "") {
  MemorySources sources;
  sources.files["l"] = list;
  const std::string lists = "[list.l]\ndomains = \"l\"\n[list.inline]\nnames = [\"in.org\", \"*.in.org\"]\n";
  const PolicyPointer policy = policy_of(sources, lists + "[[rule]]\nverdict = \"drop\"\n" + fields);
  const Match match = policy->match(seen).match;
  CHECK(policy->explain(seen).front().match == match);
  return match;
}
bool matches(const std::string& fields, const Evidence& seen, const std::string& list = "") {
  return answer(fields, seen, list) == Match::yes;
}

TEST_CASE("a rule by domain: exact, below, lists, readable") {
  CHECK(matches("domain = \"x.org\"", flow("x.org")));
  CHECK_FALSE(matches("domain = \"x.org\"", flow("www.x.org")));
  CHECK(matches("domain = \"*.x.org\"", flow("a.www.x.org")));
  CHECK_FALSE(matches("domain = \"*.x.org\"", flow("x.org")));
  CHECK(matches("domain = [\"y.org\", \"X.Org.\"]", flow("x.org")));
  CHECK(matches("domain = \"*.Bücher.example\"", flow("www.xn--bcher-kva.example")));
  CHECK(matches("domain = [\"y.org\", \"@l\"]", flow("www.x.org"), "||x.org^\n"));
  CHECK_FALSE(matches("domain = \"@l\"", flow("www.x.org"), "||x.org^\n@@||www.x.org^\n"));
  CHECK(matches("domain = \"@inline\"", flow("a.in.org")));
  CHECK(matches("domain = \"@inline\"", flow("in.org")));
}

TEST_CASE("a name that is not known matches no name") {
  const Evidence nameless = flow("");
  CHECK_FALSE(matches("domain = [\"x.org\", \"*.org\"]", nameless));
  CHECK_FALSE(matches("domain = \"@l\"", nameless, "||org^\n"));
  CHECK(matches("domain = [\"x.org\", \"unknown\"]", nameless));
  CHECK_FALSE(matches("domain = \"unknown\"", flow("x.org")));
  Evidence awaited = nameless;
  awaited.domain = Known<std::string_view>::awaited();
  for (const char* fields : {"domain = \"x.org\"", "domain = \"unknown\"", "registrable_domain = \"x.org\"",
                             "name_source = \"dns\"", "domain = \"@l\""}) {
    CAPTURE(fields);
    CHECK(answer(fields, awaited) == Match::unknown);
    CHECK(answer(std::string{fields} + "\nport = 80", awaited) == Match::no);
  }
}

TEST_CASE("a rule by what is registered") {
  const std::string rule = "registrable_domain = [\"x.co.uk\", \"x.org\"]";
  CHECK(matches(rule, flow("x.co.uk")));
  CHECK(matches(rule, flow("www.shop.x.co.uk")));
  CHECK(matches(rule, flow("x.org")));
  CHECK_FALSE(matches(rule, flow("y.co.uk")));
  CHECK_FALSE(matches(rule, flow("co.uk")));
  CHECK(matches("registrable_domain = \"unknown\"", flow("co.uk")));
  CHECK(matches("registrable_domain = \"unknown\"", flow("")));
  CHECK(matches("registrable_domain = \"@l\"", flow("a.b.x.org"), "x.org\n"));
}

TEST_CASE("a rule by where the name was seen") {
  CHECK(matches("name_source = [\"tls-sni\", \"dns\"]", flow("x.org", NameSource::dns)));
  CHECK_FALSE(matches("name_source = \"tls-sni\"", flow("x.org", NameSource::dns)));
  CHECK_FALSE(matches("name_source = \"dns\"", flow("")));
  CHECK(matches("name_source = \"unknown\"", flow("")));
}

TEST_CASE("many names in one rule, and many rules by name") {
  std::string names = "domain = [", rules;
  for (int i = 0; i < 100; ++i) {
    names += "\"host" + std::to_string(i) + ".org\", \"*.below" + std::to_string(i) + ".org\", ";
    rules += "[[rule]]\nname = \"" + std::to_string(i) + "\"\nverdict = \"drop\"\ndomain = [\"host" +
             std::to_string(i) + ".org\", \"*.below" + std::to_string(i) + ".org\"]\n";
  }
  names += "\"last.org\"]";
  CHECK(matches(names, flow("host77.org")));
  CHECK(matches(names, flow("a.below99.org")));
  CHECK_FALSE(matches(names, flow("below99.org")));
  MemorySources sources;
  const PolicyPointer policy = policy_of(sources, rules);
  CHECK(policy->match(flow("host42.org")).rule == 42);
  CHECK(policy->match(flow("x.y.below17.org")).rule == 17);
  CHECK(policy->match(flow("below17.org")).match == Match::no);
  CHECK(policy->match(flow("")).match == Match::no);
}

TEST_CASE("why a rule by name does not match") {
  const auto why = [](const std::string& fields, const Evidence& seen) {
    MemorySources sources;
    return policy_of(sources, "[list.l]\nnames = \"l.org\"\n[[rule]]\nverdict = \"drop\"\n" + fields)
        ->explain(seen)
        .front()
        .why;
  };
  CHECK(why("domain = [\"x.org\", \"*.y.org\", \"@l\"]", flow("z.org")) ==
        "domain z.org is none of x.org, *.y.org, @l");
  CHECK(why("domain = \"bücher.example\"", flow("z.org")) == "domain z.org is not xn--bcher-kva.example");
  CHECK(why("domain = \"x.org\"", flow("")) == "domain is unknown");
  CHECK(why("domain = \"unknown\"", flow("x.org")) == "domain x.org is not unknown");
  CHECK(why("registrable_domain = \"x.org\"", flow("a.y.org")) == "registrable domain y.org is not x.org");
  CHECK(why("registrable_domain = \"x.org\"", flow("org")) == "registrable domain is unknown");
  CHECK(why("name_source = \"dns\"", flow("x.org", NameSource::mdns)) == "name source mdns is not dns");
  CHECK(why("name_source = \"dns\"", flow("")) == "name source is unknown");
  Evidence awaited = flow("");
  awaited.domain = Known<std::string_view>::awaited();
  CHECK(why("domain = \"x.org\"", awaited) == "waits for the domain");
  CHECK(why("name_source = \"dns\"", awaited) == "waits for the domain");
}

TEST_CASE("broken lines of a list of domains are skipped where the list allows it, and named") {
  MemorySources sources;
  sources.files["l"] = "x.org\nbad line\n";
  const PolicyPointer policy = policy_of(
      sources,
      "[list.l]\ndomains = \"l\"\nbroken_lines = \"skip\"\n[[rule]]\ndomain = \"@l\"\nverdict = \"drop\"\n");
  CHECK(policy->match(flow("x.org")).match == Match::yes);
  REQUIRE(policy->skipped().size() == 1);
  CHECK(policy->skipped().front().to_string() ==
        "l:2:1: \"bad line\" is not a domain in any form that lists have");
}

TEST_CASE("without the public suffix list only rules that need it are refused") {
  MemorySources sources;
  sources.suffix_text.reset();
  policy_of(sources, "[[rule]]\ndomain = \"x.org\"\nverdict = \"drop\"\n");
  sources.files["policy.toml"] = "[[rule]]\nregistrable_domain = \"x.org\"\nverdict = \"drop\"\n";
  const auto policy = load_policy("policy.toml", {}, sources);
  REQUIRE_FALSE(policy.ok());
  CHECK(policy.error().front().to_string() ==
        "policy.toml:2:22: rule.registrable_domain needs the public suffix list: it is not installed");
}

TEST_CASE("added rules may be by name, whatever the files speak of") {
  MemorySources sources;
  const PolicyPointer files = policy_of(sources, "[list.l]\nnames = \"l.org\"\n");
  const auto with = [&](const std::string& fields) {
    return files->with_added({"added", "[[rule]]\nname = \"a\"\nverdict = \"drop\"\n" + fields}, {}, sources);
  };
  CHECK((*with("domain = \"@l\""))->match(flow("l.org")).match == Match::yes);
  const auto registrable = with("registrable_domain = \"x.co.uk\"");
  CHECK((*registrable)->match(flow("www.x.co.uk")).match == Match::yes);
  CHECK_FALSE((*registrable)->same_layer(*files, Direction::outbound, Family::ipv4));
  CHECK_FALSE(with("domain = \"@m\"").ok());
}

TEST_CASE("a list of domains touches the layers of the rules that name it, a new suffix list likewise") {
  const auto load = [](const std::string& list, const std::string& suffixes) {
    MemorySources sources;
    sources.files["l"] = list;
    sources.suffix_text = suffixes;
    return policy_of(sources,
                     "[list.l]\ndomains = \"l\"\n[[rule]]\nname = \"a\"\ndirection = \"outbound\"\ndomain = "
                     "\"@l\"\nverdict = \"drop\"\n[[rule]]\nname = \"b\"\ndirection = \"forward\"\n"
                     "registrable_domain = \"x.org\"\nverdict = \"drop\"\n");
  };
  const PolicyPointer before = load("x.org\n", "org");
  CHECK(touched_layers(*before, *load("x.org\n", "org")).empty());
  LayerSet outbound;
  outbound.add(Direction::outbound, Family::ipv4);
  outbound.add(Direction::outbound, Family::ipv6);
  CHECK(touched_layers(*before, *load("x.org\ny.org\n", "org")) == outbound);
  LayerSet forward;
  forward.add(Direction::forward, Family::ipv4);
  forward.add(Direction::forward, Family::ipv6);
  CHECK(touched_layers(*before, *load("x.org\n", "org com")) == forward);
}

}  // namespace
}  // namespace tollgate
